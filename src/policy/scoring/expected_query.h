// The expected logarithm of a future query's weight on a key, for queries that are Gaussian before RoPE.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "policy/rotation.h"           // Rotation
#include "policy/scoring/row_forms.h"  // RowForm

namespace kvcompress {

// The mean of the rotations by the positions to come, [pairs] each.
struct MeanTurn {
  std::vector<double> cosines, sines;
};
MeanTurn mean_turn(const Rotation& rotation, double first, int count);

// scale k.m + scale^2 k^T C k / 2 as a form of the stored key k, where m and C are `mean` [d] and
// `covariance` [d][d] turned by `turn`. covariance may be empty: then the mean alone.
RowForm expected_logit(const Rotation& rotation, const MeanTurn& turn, std::span<const float> mean,
                       std::span<const float> covariance, double scale);

}  // namespace kvcompress
