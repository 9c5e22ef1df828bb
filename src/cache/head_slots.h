// The slots of one KV head of one layer, in pages of a pool. Threads may work on different heads at the same
// time, each head by one of them.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "cache/page_pool.h"  // PagePool, PageId
#include "cache/page_view.h"  // PageView

namespace kvcompress {

// A "live index" counts live slots in ascending position, 0 .. length() - 1. What this head shares with a
// fork is copied before it is written, so any member that changes something may throw CapacityError then. A
// member that throws leaves the tokens as they were. Wrong indices and sizes, which only a bug can bring, are
// std::logic_error.
class alignas(64) HeadSlots {  // a cache line each, as neighbours are written by different threads
 public:
  explicit HeadSlots(PagePool* exact) : pool_(exact) {}
  ~HeadSlots();
  HeadSlots(HeadSlots&& other) noexcept;
  HeadSlots& operator=(HeadSlots&&) = delete;

  int length() const { return length_; }  // live slots
  std::span<const PageView> pages() const { return views_; }
  size_t pages_held() const { return ids_.size(); }

  // Appends tokens; positions ascending and after the last one. keys, values: [positions.size()][head_dim]
  // float32, keys after RoPE, with the given distances between rows in floats. Throws InputError naming the
  // position of a token whose numbers the page form cannot hold (not finite, or beyond f16).
  void append(std::span<const int32_t> positions, const float* keys, int64_t key_stride, const float* values,
              int64_t value_stride);

  // Keeps the slots at these live indices (ascending, unique) and drops the others, pinned or not. Pages left
  // empty are freed; with compact, the kept slots are moved together so that no page but the last has room.
  void keep(std::span<const int32_t> live_indices, bool compact);
  // Drops one slot, leaving a hole; holes are closed (compacted) once they would make up a page.
  void drop(int32_t live_index);
  // Drops slots whose position is below `position` (sliding-window layers), unless pinned.
  void drop_before(int32_t position);

  void positions(std::span<int32_t> out) const;  // [length()]
  // Physical slot of every live one, page * kPageSlots + slot: the index that attention's per-slot sums use.
  // [length()]
  void slots(std::span<int32_t> out) const;
  void pinned(std::span<uint8_t> out) const;  // [length()] 1 where pinned
  void pin(int32_t live_index, bool value);
  void set_bias(int32_t live_index, float value);      // finite; the pool must have been made with bias
  void set_scores(std::span<const float> scores);      // [length()]; the pool must have been made with scores
  void scores(std::span<float> out) const;             // [length()]
  void set_key(int32_t live_index, const float* key);  // [head_dim]; InputError for what the form cannot hold
  // One token as float32 [head_dim]; either pointer may be null.
  void load(int32_t live_index, float* key, float* value) const;

  // All tokens as float32, [length()][head_dim] each; either pointer may be null.
  void load_all(float* keys, float* values) const;

  // Recomputes the summaries of full pages that have none yet; the pool must have been made with summaries.
  void refresh_summaries();
  bool has_summary(size_t page) const { return pool_->has_summary(ids_[page]); }
  PageSummary summary(size_t page) const { return pool_->summary(ids_[page]); }  // only when has_summary()

  HeadSlots fork() const;  // shares the pages; a page is copied when either side first writes to it

 private:
  struct Place {
    size_t page;
    int slot;
  };

  Place place(int32_t live_index) const;
  // Calls visit(page, slot) for the live slots in order.
  template <typename Visit>
  void for_each_live(Visit visit) const;
  // One bit per slot of each page: those at the given live indices.
  std::vector<uint64_t> masks_of(std::span<const int32_t> live_indices) const;
  std::vector<uint64_t> live_masks() const;

  // Slots that no token is in, the unused end of the last page aside.
  int holes() const;

  void own(size_t page);  // makes the page this head's alone
  void add_page();
  void remove_pages_from(size_t page);
  // Writes rows from a place on; returns -1 or the first row that the form cannot hold.
  int store(Place at, int rows, const float* keys, int64_t key_stride, const float* values,
            int64_t value_stride);
  void note_positions(Place at, std::span<const int32_t> positions);  // of what store() wrote
  void update_view(size_t page);                                      // counts and positions, from the page
  void forget_slots(size_t page, uint64_t mask);  // the tokens in these slots; the page is owned
  void clear_fields(size_t page, uint64_t mask);  // pins, bias and scores of these slots; the page is owned
  void remove_empty_pages();
  void keep_in_place(std::span<const uint64_t> masks);
  void compact(std::span<const uint64_t> masks);
  void move_slot(Place to, Place from);
  PagePool* pool_;
  std::vector<PageId> ids_;
  std::vector<PageView> views_;  // parallel to ids_
  int length_ = 0;
};

}  // namespace kvcompress
