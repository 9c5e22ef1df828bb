#include "eval/calibrate/gate_fit.h"

#include <kvcompress/error.h>  // InputError

#include <algorithm>  // std::min

#include "compute/matrix.h"  // multiply_transposed

namespace kvcompress {
namespace {

using RowMajorFloats = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

constexpr Eigen::Index kBlock = 256;      // rows converted to double at a time
constexpr double kLeastVariance = 1e-10;  // of the largest: a feature that does not vary

}  // namespace

std::vector<float> LinearMap::apply(std::span<const float> rows) const {
  const auto targets = static_cast<int64_t>(biases.size());
  const int64_t features = static_cast<int64_t>(weights.size()) / targets;
  const int64_t count = static_cast<int64_t>(rows.size()) / features;
  std::vector<float> out(static_cast<size_t>(count * targets));
  multiply_transposed({rows.data(), count, features, features}, {weights.data(), targets, features, features},
                      out.data(), targets);
  for (size_t i = 0; i < out.size(); ++i) out[i] += biases[i % biases.size()];
  return out;
}

GateFit::GateFit(int features, int targets)
    : features_(features),
      targets_(targets),
      products_(Eigen::MatrixXd::Zero(features, features)),
      mixed_(Eigen::MatrixXd::Zero(features, targets)),
      sums_(Eigen::VectorXd::Zero(features)),
      target_sums_(Eigen::VectorXd::Zero(targets)) {}

void GateFit::add(std::span<const float> rows, std::span<const float> values) {
  const Eigen::Index count = static_cast<Eigen::Index>(rows.size()) / features_;
  const Eigen::Map<const RowMajorFloats> x(rows.data(), count, features_), y(values.data(), count, targets_);
  for (Eigen::Index first = 0; first < count; first += kBlock) {
    const Eigen::Index some = std::min(kBlock, count - first);
    const Eigen::MatrixXd block = x.middleRows(first, some).cast<double>();
    const Eigen::MatrixXd wanted = y.middleRows(first, some).cast<double>();
    products_.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
    mixed_.noalias() += block.transpose() * wanted;
    sums_ += block.colwise().sum().transpose();
    target_sums_ += wanted.colwise().sum().transpose();
  }
  count_ += count;
}

LinearMap GateFit::solve(double ridge) const {
  if (count_ < 2) throw InputError("[gate] expected two tokens or more to fit to; give longer texts");
  const auto n = static_cast<double>(count_);
  const Eigen::VectorXd mean = sums_ / n, target_mean = target_sums_ / n;
  Eigen::MatrixXd covariance = products_ / n;
  covariance.selfadjointView<Eigen::Lower>().rankUpdate(mean, -1.0);
  Eigen::VectorXd scale = covariance.diagonal();
  scale = scale.cwiseMax(std::max(scale.maxCoeff() * kLeastVariance, 1e-30)).cwiseSqrt().cwiseInverse();
  covariance = scale.asDiagonal() * covariance * scale.asDiagonal();
  covariance.diagonal().array() += ridge;
  const Eigen::MatrixXd right = scale.asDiagonal() * (mixed_ / n - mean * target_mean.transpose()).eval();
  const Eigen::LLT<Eigen::MatrixXd> root(covariance);
  if (root.info() != Eigen::Success) {
    throw InputError("[gate] expected inputs that vary and are finite; give other texts, or a larger ridge");
  }
  const Eigen::MatrixXd solution = scale.asDiagonal() * root.solve(right).eval();
  const Eigen::VectorXd bias = target_mean - solution.transpose() * mean;
  LinearMap map;
  const RowMajorFloats weights = solution.transpose().cast<float>();
  map.weights.assign(weights.data(), weights.data() + weights.size());
  const Eigen::VectorXf biases = bias.cast<float>();
  map.biases.assign(biases.data(), biases.data() + biases.size());
  return map;
}

}  // namespace kvcompress
