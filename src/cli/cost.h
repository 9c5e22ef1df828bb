// What a recipe will cost on a model at a length, planned without running anything.
#pragma once

#include <cstddef>  // size_t

#include "engine/engine.h"  // Engine

namespace kvcompress {

struct CacheCost {
  int64_t context = 0;             // tokens of the prompt
  size_t bytes_per_token_f16 = 0;  // all layers and heads, nothing evicted
  size_t bytes_full = 0;           // of the whole prompt so
  size_t bytes_recipe = 0;         // held once the prompt has been read and compressed
  size_t bytes_peak = 0;           // the most at any moment until then
};

// Throws UsageError when the recipe's budget cannot be met at that length.
CacheCost cache_cost(Engine& engine, const Recipe& recipe, PrefillMode prefill, int64_t tokens);

}  // namespace kvcompress
