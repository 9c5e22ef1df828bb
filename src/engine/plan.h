// What a request will need before it runs, so that too little memory is an error before the work starts.
#pragma once

#include <cstddef>  // size_t
#include <cstdint>  // int64_t

#include "engine/page_sizes.h"   // PageSizes
#include "engine/request.h"      // Request
#include "model/architecture.h"  // ModelConfig

namespace kvcompress {

// The most bytes of pages that a sequence will hold at any moment: `prompt` tokens read in chunks, then
// `generated` more. Throws UsageError when the recipe's budget cannot be met at this length.
size_t planned_bytes(const ModelConfig& config, const PageSizes& sizes, const Recipe& recipe,
                     PrefillMode prefill, int chunk, int64_t prompt, int64_t generated);

// The most bytes that a sequence which has read before takes on top of what it holds: `read` tokens more, in
// chunks, then `generated`.
size_t planned_growth(const ModelConfig& config, const Sequence& sequence, int chunk, int64_t read,
                      int64_t generated);

// What plan_budget() needs to know of the model and the moment. `recipe` must outlive it.
BudgetInput budget_input(const ModelConfig& config, const PageSizes& sizes, const Recipe& recipe,
                         int64_t tokens_seen);

// Bytes of the pages that hold `slots` slots of one head under a recipe, the newest `unsealed` of which have
// not been looked at for packing.
size_t head_bytes(const PageSizes& sizes, const Recipe& recipe, int64_t slots, int64_t unsealed = 0);

}  // namespace kvcompress
