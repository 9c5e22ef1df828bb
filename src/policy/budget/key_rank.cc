#include "policy/budget/key_rank.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // Error

#include <Eigen/Dense>  // Eigen::SelfAdjointEigenSolver
#include <algorithm>    // std::min, std::max
#include <cmath>        // std::exp, std::log, std::sqrt

namespace kvcompress {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr Eigen::Index kBlockRows = 256;  // converted to double at a time
// Eigenvalues below this share of the largest are rounding: keys are cached in half precision.
constexpr double kNoise = 1e-12;

// Only its lower triangle is filled.
Eigen::MatrixXd gram_of(std::span<const float> keys, int slots, int head_dim) {
  const Eigen::Map<const Rows> rows(keys.data(), slots, head_dim);
  Eigen::MatrixXd gram = Eigen::MatrixXd::Zero(head_dim, head_dim);
  for (Eigen::Index begin = 0; begin < slots; begin += kBlockRows) {
    const Eigen::Index count = std::min<Eigen::Index>(kBlockRows, slots - begin);
    const Eigen::MatrixXd block = rows.middleRows(begin, count).cast<double>();
    gram.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
  }
  return gram;
}

}  // namespace

double key_rank(std::span<const float> keys, int slots, int head_dim) {
  if (slots < 1 || head_dim < 1 || keys.size() != static_cast<size_t>(slots) * head_dim) {
    throw Error(
        fmt::format("[key_rank] expected keys of {} x {}, got {} numbers; this is a defect of the caller",
                    slots, head_dim, keys.size()));
  }
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(gram_of(keys, slots, head_dim),
                                                              Eigen::EigenvaluesOnly);
  const Eigen::VectorXd& eigenvalues = solver.eigenvalues();
  if (solver.info() != Eigen::Success || !eigenvalues.allFinite()) {
    throw Error("[key_rank] expected finite keys, got others; the model or its weights are damaged");
  }
  const double most = std::min(slots, head_dim);
  const double largest = eigenvalues.maxCoeff();
  if (largest <= 0) return 1 / most;
  double sum = 0, weighted = 0;
  for (const double eigenvalue : eigenvalues) {
    if (eigenvalue <= kNoise * largest) continue;
    const double singular = std::sqrt(eigenvalue / largest);
    sum += singular;
    weighted += singular * std::log(singular);
  }
  // The entropy of s / sum: log(sum) - sum of s log s / sum.
  return std::min(1.0, std::exp(std::log(sum) - weighted / sum) / most);
}

}  // namespace kvcompress
