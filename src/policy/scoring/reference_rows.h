// What reference queries look at: the weights of kept slots among those of all, and the output of all.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "policy/refit_policy.h"  // RefitInput

namespace kvcompress {

struct ReferenceRows {
  int count = 0;               // queries x group
  std::vector<float> weights;  // [count][kept]; of all slots they add up to 1
  std::vector<float> output;   // [count][head_dim] of all slots
};

ReferenceRows reference_rows(const RefitInput& input);
// Multiplies the weights with exp(bias) and brings them to a sum of 1 over the kept slots. bias: [kept]
void bias_weights(ReferenceRows& rows, std::span<const float> bias);
// What is missing from the output with these values. values: [kept][head_dim]; [count][head_dim]
std::vector<float> missing_output(const ReferenceRows& rows, std::span<const float> values, int head_dim);

}  // namespace kvcompress
