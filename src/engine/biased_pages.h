// Pages with a bias beside each slot, for the kept tokens of recipes that refit: others pay no bytes for it.
#pragma once

#include "cache/page_pool.h"  // PagePool
#include "codec/page_form.h"  // PageForm
#include "engine/packings.h"  // Packings
#include "engine/sequence.h"  // Sequence

namespace kvcompress {

struct BiasedPages {
  BiasedPages(const PageForm& exact, CacheMemory* memory, int layers, int kv_heads)
      : form(exact),
        pages(exact.payload_bytes(), exact.head_dim(), PoolOptions{.bias = true}, memory),
        packings(pages, layers, kv_heads) {}

  // An empty head in such pages, in the place of one by its number through all layers.
  void give(Sequence& sequence, size_t index) {
    const std::vector<Packing> of_heads = packings.of(sequence.recipe);
    const auto heads = static_cast<size_t>(sequence.cache.kv_heads());
    sequence.cache.replace(static_cast<int>(index / heads), static_cast<int>(index % heads),
                           HeadSlots(&pages, &form, of_heads.empty() ? Packing{} : of_heads[index], index));
  }

  const PageForm& form;
  PagePool pages;
  Packings packings;
};

}  // namespace kvcompress
