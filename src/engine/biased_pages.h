// Pages with a bias beside each slot, for the kept tokens of recipes that refit: others pay no bytes for it.
#pragma once

#include "cache/page_pool.h"  // PagePool
#include "codec/page_form.h"  // PageForm
#include "engine/packings.h"  // Packings

namespace kvcompress {

struct BiasedPages {
  BiasedPages(const PageForm& exact, CacheMemory* memory, int layers, int kv_heads)
      : form(exact),
        pages(exact.payload_bytes(), exact.head_dim(), PoolOptions{.bias = true}, memory),
        packings(pages, layers, kv_heads) {}

  const PageForm& form;
  PagePool pages;
  Packings packings;
};

}  // namespace kvcompress
