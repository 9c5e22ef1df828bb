// Ridge regression of several targets on one set of features, in closed form from sums that are added to as
// rows come.
#pragma once

#include <Eigen/Dense>  // Eigen::MatrixXd
#include <cstdint>      // int64_t
#include <span>         // std::span
#include <vector>       // std::vector

namespace kvcompress {

struct LinearMap {
  std::vector<float> weights;  // [targets][features]
  std::vector<float> biases;   // [targets]

  // rows: [count][features]; [count][targets]
  std::vector<float> apply(std::span<const float> rows) const;
};

class GateFit {
 public:
  GateFit(int features, int targets);

  // rows: [count][features]; values: [count][targets].
  void add(std::span<const float> rows, std::span<const float> values);
  int64_t count() const { return count_; }
  // ridge: in units of the features' variances, which the features are brought to first. Throws InputError
  // when there are fewer than two rows.
  LinearMap solve(double ridge) const;

 private:
  int features_, targets_;
  int64_t count_ = 0;
  Eigen::MatrixXd products_;  // features x features, lower triangle
  Eigen::MatrixXd mixed_;     // features x targets
  Eigen::VectorXd sums_, target_sums_;
};

}  // namespace kvcompress
