// The cache of one sequence: per layer and KV head the slots in ascending position, in pages. Lengths differ per layer
// and per head. All state that a policy needs between steps lives in the sequence, so nothing leaks between requests.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "cache/page_pool.h"  // PagePool, PageId
#include "cache/page_view.h"  // PageView

namespace kvcompress {

// The slots of one KV head of one layer. A "live index" counts live slots in ascending position, 0 .. length() - 1.
class HeadSlots {
 public:
  HeadSlots(PagePool* exact);
  ~HeadSlots();
  HeadSlots(HeadSlots&& other) noexcept;
  HeadSlots& operator=(HeadSlots&&) = delete;

  int length() const { return length_; }  // live slots
  std::span<const PageView> pages() const { return views_; }
  size_t pages_held() const { return ids_.size(); }

  // Appends tokens; positions ascending and after the last one. keys, values: [positions.size()][head_dim] float32,
  // keys after RoPE, with the given distances between rows in floats.
  void append(std::span<const int32_t> positions, const float* keys, int64_t key_stride, const float* values,
              int64_t value_stride);

  // Keeps the slots at these live indices (ascending, unique) and drops the others. Pages left empty are freed; with
  // compact, the kept slots are moved together so that no page but the last has room.
  void keep(std::span<const int32_t> live_indices, bool compact);
  // Drops one slot, leaving a hole; holes are closed (compacted) once they would make up a page.
  void drop(int32_t live_index);
  // Drops slots whose position is below `position` (sliding-window layers), unless pinned.
  void drop_before(int32_t position);

  void positions(std::span<int32_t> out) const;    // [length()]
  void pinned(std::span<uint8_t> out) const;       // [length()] 1 where pinned
  void pin(int32_t live_index, bool value);
  void set_bias(int32_t live_index, float value);  // the pool must have been made with bias
  void set_scores(std::span<const float> scores);  // [length()]; the pool must have been made with scores
  void scores(std::span<float> out) const;         // [length()]
  // One token as float32 [head_dim]; either pointer may be null.
  void load(int32_t live_index, float* key, float* value) const;
  // Recomputes the summaries of full pages that have none yet; the pool must have been made with summaries.
  void refresh_summaries();

  HeadSlots fork() const;  // shares the pages; a page is copied when either side first writes to it

 private:
  PagePool* pool_;
  std::vector<PageId> ids_;
  std::vector<PageView> views_;  // parallel to ids_
  int length_ = 0;
};

class SequenceCache {
 public:
  // window[l] > 0: layer l only ever needs that many last positions.
  SequenceCache(PagePool* exact, int layers, int kv_heads, std::vector<int32_t> sliding_window);
  SequenceCache fork() const;

  int layers() const { return layers_; }
  int kv_heads() const { return kv_heads_; }
  HeadSlots& head(int layer, int kv_head) { return heads_[static_cast<size_t>(layer) * kv_heads_ + kv_head]; }
  const HeadSlots& head(int layer, int kv_head) const {
    return heads_[static_cast<size_t>(layer) * kv_heads_ + kv_head];
  }
  int32_t sliding_window(int layer) const { return window_[layer]; }  // 0: the whole past

  // True next position: tokens seen, whatever was evicted.
  int32_t next_position = 0;

  // Bytes of the pages this sequence holds (a page shared with a fork counts in both).
  size_t bytes() const;
  // Bytes the same tokens would take in f16 with nothing evicted or windowed: 2 bytes x 2 x head_dim a token and head.
  size_t bytes_full(int head_dim) const;

 private:
  PagePool* pool_;
  int layers_, kv_heads_;
  std::vector<int32_t> window_;
  std::vector<HeadSlots> heads_;
};

}  // namespace kvcompress
