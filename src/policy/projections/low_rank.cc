#include "policy/projections/low_rank.h"

#include <kvcompress/error.h>  // Error

#include <Eigen/Dense>  // Eigen::SelfAdjointEigenSolver
#include <algorithm>    // std::stable_sort, std::sort, std::min
#include <cmath>        // std::sqrt
#include <numeric>      // std::iota

namespace kvcompress {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr Eigen::Index kBlockRows = 256;  // converted to double at a time
// Of the metric's mean eigenvalue: directions that no query asks for keep some weight, as others may.
constexpr double kRidge = 1e-3;

Eigen::Map<const Rows> rows_of(std::span<const float> rows, int width) {
  return {rows.data(), static_cast<Eigen::Index>(rows.size()) / width, width};
}

Eigen::SelfAdjointEigenSolver<Matrix> decomposed(const Matrix& symmetric) {
  Eigen::SelfAdjointEigenSolver<Matrix> solver(0.5 * (symmetric + symmetric.transpose()));
  if (solver.info() != Eigen::Success || !solver.eigenvalues().allFinite()) {
    throw Error("[store] expected finite keys and values, got others; the model or its weights are damaged");
  }
  return solver;
}

// M^(1/2) and M^(-1/2).
struct Roots {
  Matrix root, inverse;
};
Roots roots_of(std::span<const double> metric, Eigen::Index width) {
  if (metric.empty()) return {Matrix::Identity(width, width), Matrix::Identity(width, width)};
  const Matrix m = Eigen::Map<const Matrix>(metric.data(), width, width);
  const auto solver = decomposed(m);
  const double ridge = kRidge * std::max(m.trace() / static_cast<double>(width), 1e-30);
  const Eigen::VectorXd values = (solver.eigenvalues().cwiseMax(0).array() + ridge).sqrt();
  const Matrix& axes = solver.eigenvectors();
  return {axes * values.asDiagonal() * axes.transpose(),
          axes * values.cwiseInverse().asDiagonal() * axes.transpose()};
}

std::vector<float> to_floats(const Matrix& matrix) {
  const Rows rows = matrix.cast<float>();
  return {rows.data(), rows.data() + rows.size()};
}

}  // namespace

std::vector<double> moment_around(std::span<const float> rows, std::span<const double> centre) {
  const auto width = static_cast<int>(centre.size());
  const auto x = rows_of(rows, width);
  const Eigen::RowVectorXd mean = Eigen::Map<const Eigen::RowVectorXd>(centre.data(), width);
  Matrix sum = Matrix::Zero(width, width);
  for (Eigen::Index begin = 0; begin < x.rows(); begin += kBlockRows) {
    const Eigen::Index count = std::min<Eigen::Index>(kBlockRows, x.rows() - begin);
    const Matrix block = x.middleRows(begin, count).cast<double>().rowwise() - mean;
    sum.noalias() += block.transpose() * block;
  }
  if (x.rows() > 0) sum /= static_cast<double>(x.rows());
  return {sum.data(), sum.data() + sum.size()};
}

Moments moments_of(std::span<const float> rows, int width) {
  const auto x = rows_of(rows, width);
  Eigen::RowVectorXd mean = Eigen::RowVectorXd::Zero(width);
  if (x.rows() > 0) mean = x.cast<double>().colwise().mean();
  Moments out;
  out.mean.assign(mean.data(), mean.data() + width);
  out.moment = moment_around(rows, out.mean);
  return out;
}

ProjectionSide low_rank(const Moments& moments, std::span<const double> metric, int rank) {
  const auto width = static_cast<Eigen::Index>(moments.mean.size());
  const Roots roots = roots_of(metric, width);
  const Matrix moment = Eigen::Map<const Matrix>(moments.moment.data(), width, width);
  const auto solver = decomposed(roots.root * moment * roots.root);
  // Eigenvalues ascend: the last axes are the first ones.
  const Matrix axes = solver.eigenvectors().rightCols(rank).rowwise().reverse();
  Matrix encode = roots.root * axes;                 // [width][rank]
  Matrix decode = axes.transpose() * roots.inverse;  // [rank][width]
  if (metric.empty()) decode = encode.transpose();   // to the bit
  for (Eigen::Index r = 0; r < rank && !metric.empty(); ++r) {
    const double length = decode.row(r).norm();
    decode.row(r) /= length;
    encode.col(r) *= length;
  }
  ProjectionSide side;
  side.channels = static_cast<int>(width);
  side.rank = rank;
  side.encode = to_floats(encode);
  side.decode = to_floats(decode);
  side.mean.assign(moments.mean.begin(), moments.mean.end());
  return side;
}

ProjectionSide keep_channels(std::span<const double> importance, std::span<const double> mean, int rank) {
  std::vector<int32_t> order(mean.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int32_t a, int32_t b) { return importance[a] > importance[b]; });
  order.resize(static_cast<size_t>(rank));
  std::sort(order.begin(), order.end());
  ProjectionSide side;
  side.channels = static_cast<int>(mean.size());
  side.rank = rank;
  side.kept = std::move(order);
  side.mean.assign(mean.begin(), mean.end());
  return side;
}

std::vector<float> attention_outputs(const ProjectionInput& input) {
  const auto queries = rows_of(input.queries, input.head_dim), keys = rows_of(input.keys, input.head_dim),
             values = rows_of(input.values, input.head_dim);
  Rows weights = input.attention_scale * (queries * keys.transpose());
  for (Eigen::Index row = 0; row < weights.rows(); ++row) {
    const float most = weights.row(row).maxCoeff();
    weights.row(row) = (weights.row(row).array() - most).exp();
    weights.row(row) /= weights.row(row).sum();
  }
  const Rows outputs = weights * values;
  return {outputs.data(), outputs.data() + outputs.size()};
}

std::vector<double> blended(std::span<const double> a, std::span<const double> b, double share) {
  const auto width = static_cast<size_t>(std::sqrt(static_cast<double>(a.size())) + 0.5);
  double trace_a = 0, trace_b = 0;
  for (size_t i = 0; i < width; ++i) {
    trace_a += a[i * width + i];
    trace_b += b[i * width + i];
  }
  std::vector<double> sum(a.size());
  for (size_t i = 0; i < sum.size(); ++i) {
    if (trace_a > 0) sum[i] += a[i] / trace_a;
    if (trace_b > 0) sum[i] += share * b[i] / trace_b;
  }
  return sum;
}

}  // namespace kvcompress
