#include "policy/scoring/expected_query.h"

#include <algorithm>  // std::max

#include "policy/scoring/linear_algebra.h"  // upper_root

namespace kvcompress {
namespace {

// Turns the numbers at data[channel * step] in place.
void turn_one(const Rotation& rotation, const MeanTurn& turn, double* data, int step) {
  for (size_t pair = 0; pair < turn.cosines.size(); ++pair) {
    double& x = data[rotation.first(static_cast<int>(pair)) * step];
    double& y = data[rotation.second(static_cast<int>(pair)) * step];
    const double turned = turn.cosines[pair] * x - turn.sines[pair] * y;
    y = turn.sines[pair] * x + turn.cosines[pair] * y;
    x = turned;
  }
}

}  // namespace

MeanTurn mean_turn(const Rotation& rotation, double first, int count) {
  const size_t pairs = rotation.frequencies.size();
  MeanTurn turn{std::vector<double>(pairs), std::vector<double>(pairs)};
  mean_rotation(rotation, first, count, turn.cosines, turn.sines);
  return turn;
}

RowForm expected_logit(const Rotation& rotation, const MeanTurn& turn, std::span<const float> mean,
                       std::span<const float> covariance, double scale) {
  const auto size = static_cast<int>(mean.size());
  std::vector<double> linear(mean.begin(), mean.end());
  turn_one(rotation, turn, linear.data(), 1);
  for (double& x : linear) x *= scale;
  if (covariance.empty()) return make_form(linear, {}, size);

  std::vector<double> matrix(covariance.begin(), covariance.end());
  for (int i = 0; i < size; ++i) turn_one(rotation, turn, matrix.data() + i, size);
  for (int i = 0; i < size; ++i) turn_one(rotation, turn, matrix.data() + static_cast<int64_t>(i) * size, 1);
  double trace = 0;
  for (double& x : matrix) x *= scale * scale / 2;
  for (int i = 0; i < size; ++i) trace += matrix[static_cast<size_t>(i) * (size + 1)];
  // Fewer queries than channels leave the matrix singular: a hair on the diagonal makes it definite.
  const double hair = std::max(trace / size * 1e-9, 1e-30);
  return make_form(linear, upper_root(std::move(matrix), size, hair, "a query covariance"), size);
}

}  // namespace kvcompress
