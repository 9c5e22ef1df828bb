// Keys as they were before the rotary embedding.
#pragma once

#include <vector>  // std::vector

#include "policy/score_policy.h"  // ScoreInput

namespace kvcompress {

// The keys of slots [first, last) turned back by their positions, each followed by zeros up to `stride`
// floats.
std::vector<float> unrotated_keys(const ScoreInput& input, int first, int last, int stride);

}  // namespace kvcompress
