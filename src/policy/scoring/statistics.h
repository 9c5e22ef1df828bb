// Small reductions over the scores of heads.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "policy/score_policy.h"  // ScoreInput, ScorePolicy

namespace kvcompress {

// Subtracts the mean and divides by the standard deviation (of a sample, at least 1e-6) of all values
// together.
void z_normalise(std::span<const std::span<float>> rows);

// Each head by itself, or all together.
void z_normalise_heads(std::span<std::vector<float>> heads, bool together);

// How many of the first slots hold tokens of position below `sinks`.
int leading_slots(const ScoreInput& input, int64_t sinks);

// Adds to each slot of each head what the other heads of the layer have at the same position; a head that
// holds no such token adds nothing. values: [heads][slots].
void sum_over_heads(std::span<const ScoreInput> heads, std::span<std::vector<float>> values);

// score_layer() for one head alone.
void score_alone(const ScorePolicy& policy, const ScoreInput& input, std::span<float> out);

}  // namespace kvcompress
