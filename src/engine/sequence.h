// One sequence: its cache, its recipe and everything else that changes while it lives.
#pragma once

#include <cstdint>  // int32_t
#include <memory>   // std::shared_ptr
#include <vector>   // std::vector

#include "cache/sequence_cache.h"  // SequenceCache
#include "engine/fitted_form.h"    // FittedForm
#include "engine/observations.h"   // Observations
#include "engine/page_sizes.h"     // PageSizes
#include "policy/recipe.h"         // Recipe

namespace kvcompress {

// exact: scored and evicted after the last chunk. bounded: after every chunk, so that the cache never holds
// more than the budget plus one chunk; chunk j attends to the compressed past.
enum class PrefillMode { exact, bounded };

struct Sequence {
  // Of the pages this sequence holds, and of the maps that its pages are read with.
  size_t bytes() const;

  Sequence(SequenceCache cache, Recipe recipe, PrefillMode prefill);
  Sequence fork() const;  // shares pages until either side writes to them

  Recipe recipe;
  PrefillMode prefill;
  // [layers][kv_heads] of a store that fits its forms, null where a head has none yet; shared with forks.
  std::vector<std::shared_ptr<const FittedForm>> forms;
  SequenceCache cache;
  PageSizes page_sizes;
  Observations observed;
  bool compressed = false;       // the prompt's end has been compressed
  int64_t prompt_total = 0;      // tokens of the prompt being read, for budgets given as a share
  std::vector<int32_t> budgets;  // [layers][kv_heads] as last planned; empty before
  // [layers][kv_heads]: with rolling positions, the sinks' keys as they were read, [sinks][head_dim]; empty
  // until the first eviction.
  std::vector<std::vector<float>> sink_keys;
  std::vector<double> key_ranks;      // [layers] when the budget's layers follow them
  std::vector<double> layer_weights;  // [layers] when the layers compete by score
  double compress_s = 0;              // spent in scoring, selecting and evicting so far

 private:
  Sequence(const Sequence& other, SequenceCache forked);
};

}  // namespace kvcompress
