// Statistical leverage of keys before RoPE, through a Gaussian sketch: how far out a key lies among all keys.
#pragma once

#include <cstdint>  // int64_t
#include <vector>   // std::vector

#include "policy/parameters.h"    // ParameterVisitor
#include "policy/score_policy.h"  // ScoreInput

namespace kvcompress {

struct LeverageSettings {
  int64_t sketch = 48;
  double ridge = 1e-2;
  int64_t seed = 0;

  void visit(ParameterVisitor& visitor);
};

// Of the slots [first, last), among themselves; each in [0, 1].
std::vector<float> leverage_scores(const LeverageSettings& settings, const ScoreInput& input, int first,
                                   int last);

}  // namespace kvcompress
