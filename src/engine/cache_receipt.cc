#include "engine/cache_receipt.h"

#include <utility>  // std::move

namespace kvcompress {

CacheReceipt receipt_of(const SequenceCache& cache, int head_dim) {
  CacheReceipt receipt;
  receipt.bytes = cache.bytes();
  receipt.bytes_full = cache.bytes_full(head_dim);
  receipt.tokens_seen = cache.next_position;
  receipt.kept.resize(static_cast<size_t>(cache.layers()));
  for (int layer = 0; layer < cache.layers(); ++layer) {
    for (int head = 0; head < cache.kv_heads(); ++head) {
      receipt.kept[static_cast<size_t>(layer)].push_back(cache.head(layer, head).length());
    }
  }
  return receipt;
}

std::vector<std::vector<std::vector<int32_t>>> positions_in(const SequenceCache& cache) {
  std::vector<std::vector<std::vector<int32_t>>> kept(static_cast<size_t>(cache.layers()));
  for (int layer = 0; layer < cache.layers(); ++layer) {
    for (int head = 0; head < cache.kv_heads(); ++head) {
      const HeadSlots& slots = cache.head(layer, head);
      std::vector<int32_t> positions(static_cast<size_t>(slots.length()));
      slots.positions(positions);
      kept[static_cast<size_t>(layer)].push_back(std::move(positions));
    }
  }
  return kept;
}

}  // namespace kvcompress
