// One head's part of a calibration of kind `second_moments`.
#pragma once

#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "policy/projection.h"            // ProjectionInput
#include "policy/projections/low_rank.h"  // Moments

namespace kvcompress {

inline constexpr std::string_view kSecondMoments = "second_moments";

// Arrays of [layers][kv_heads][head_dim] and [layers][kv_heads][head_dim][head_dim].
struct CalibratedMoments {
  Moments keys, values;        // key_mean, key, value_mean, value
  std::vector<double> query;   // query: E q q^T of the group's queries, rotated
  std::vector<double> output;  // output: of attention's outputs, around the mean value
  std::vector<double> metric;  // metric: sum over the group of W_O^T W_O
};

// Throws InputError for a profile whose arrays are of another shape.
CalibratedMoments calibrated_moments(const ProjectionInput& input);

}  // namespace kvcompress
