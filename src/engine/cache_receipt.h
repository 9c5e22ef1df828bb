// What a sequence holds, for receipts.
#pragma once

#include <cstdint>  // int32_t
#include <vector>   // std::vector

#include "cache/sequence_cache.h"  // SequenceCache
#include "engine/receipt.h"        // CacheReceipt

namespace kvcompress {

// Without the prompt's bytes and the peak, which are of a moment that has passed.
CacheReceipt receipt_of(const SequenceCache& cache, int head_dim);
// Original positions of the slots kept: [layer][kv head][...].
std::vector<std::vector<std::vector<int32_t>>> positions_in(const SequenceCache& cache);

}  // namespace kvcompress
