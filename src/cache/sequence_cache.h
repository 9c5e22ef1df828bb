// The cache of one sequence: per layer and KV head the slots in ascending position, in pages. Lengths differ
// per layer and per head. All state that a policy needs between steps lives in the sequence, so nothing leaks
// between requests.
#pragma once

#include <cstdint>  // int32_t
#include <vector>   // std::vector

#include "cache/head_slots.h"  // HeadSlots, Packing
#include "cache/page_pool.h"   // PagePool

namespace kvcompress {

class SequenceCache {
 public:
  // window[l] > 0: layer l only ever needs that many last positions; [layers], or empty for none.
  // packings: [layers][kv_heads], or empty where nothing is sealed.
  SequenceCache(PagePool* exact, const PageForm* form, int layers, int kv_heads,
                std::vector<int32_t> sliding_window, const std::vector<Packing>& packings = {});
  SequenceCache fork() const;
  // Of a cache that has packed nothing yet; as in the constructor.
  void set_packings(const std::vector<Packing>& packings);

  int layers() const { return layers_; }
  int kv_heads() const { return kv_heads_; }
  HeadSlots& head(int layer, int kv_head) { return heads_[static_cast<size_t>(layer) * kv_heads_ + kv_head]; }
  const HeadSlots& head(int layer, int kv_head) const {
    return heads_[static_cast<size_t>(layer) * kv_heads_ + kv_head];
  }
  // Another head in the place of this one; its tokens are those that the sequence goes on with.
  void replace(int layer, int kv_head, HeadSlots head);
  int32_t sliding_window(int layer) const { return window_[layer]; }  // 0: the whole past

  // True next position: tokens seen, whatever was evicted.
  int32_t next_position = 0;

  // Writes everything, or reads it into a cache made alike that holds nothing; see HeadSlots::archive().
  void archive(Archive& archive);

  // Bytes of the pages this sequence holds (a page shared with a fork counts in both; the positions that all
  // packed pages share count in CacheMemory alone).
  size_t bytes() const;
  // Bytes the same tokens would take in f16 with nothing evicted or windowed: 2 bytes x 2 x head_dim a token
  // and head.
  size_t bytes_full(int head_dim) const;

 private:
  SequenceCache(const SequenceCache& other, std::vector<HeadSlots> heads);

  int layers_, kv_heads_;
  std::vector<int32_t> window_;  // [layers]
  std::vector<HeadSlots> heads_;
};

}  // namespace kvcompress
