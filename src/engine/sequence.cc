#include "engine/sequence.h"

#include <utility>  // std::move

namespace kvcompress {

Sequence::Sequence(PagePool* pool, int layers, int kv_heads, std::vector<int32_t> sliding_window,
                   Recipe recipe_in, PrefillMode prefill_in)
    : recipe(std::move(recipe_in)),
      prefill(prefill_in),
      cache(pool, layers, kv_heads, std::move(sliding_window)),
      slot_scores(static_cast<size_t>(layers) * kv_heads) {}

Sequence::Sequence(const Sequence& other, SequenceCache forked)
    : recipe(other.recipe),
      prefill(other.prefill),
      cache(std::move(forked)),
      window(other.window),
      phase(other.phase),
      compressed(other.compressed),
      prompt_total(other.prompt_total),
      budgets(other.budgets),
      slot_scores(other.slot_scores),
      compress_s(other.compress_s) {}

Sequence Sequence::fork() const { return Sequence(*this, cache.fork()); }

}  // namespace kvcompress
