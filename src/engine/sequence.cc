#include "engine/sequence.h"

#include <utility>  // std::move

namespace kvcompress {

Sequence::Sequence(SequenceCache cache_in, Recipe recipe_in, PrefillMode prefill_in)
    : recipe(std::move(recipe_in)), prefill(prefill_in), cache(std::move(cache_in)) {}

Sequence::Sequence(const Sequence& other, SequenceCache forked)
    : recipe(other.recipe),
      prefill(other.prefill),
      forms(other.forms),
      cache(std::move(forked)),
      page_sizes(other.page_sizes),
      observed(other.observed),
      compressed(other.compressed),
      prompt_total(other.prompt_total),
      budgets(other.budgets),
      sink_keys(other.sink_keys),
      key_ranks(other.key_ranks),
      layer_weights(other.layer_weights),
      compress_s(other.compress_s) {}

size_t Sequence::bytes() const {
  size_t bytes = cache.bytes();
  for (const auto& form : forms) bytes += form ? form->bytes() : 0;
  return bytes;
}

Sequence Sequence::fork() const { return Sequence(*this, cache.fork()); }

}  // namespace kvcompress
