// The slots of one KV head of one layer, in two lists of pages: exact ones, which grow at their end, and
// packed ones, whose 64 slots were written at once. A token lives in one of them; both lists ascend in
// position. Threads may work on different heads at the same time, each head by one of them.
#pragma once

#include <cstdint>  // int32_t
#include <limits>   // std::numeric_limits
#include <span>     // std::span
#include <vector>   // std::vector

#include "cache/page_pool.h"  // PagePool, PageId
#include "cache/page_view.h"  // PageView
#include "codec/page_form.h"  // PageForm

namespace kvcompress {

class Archive;
struct TokenBatch;

// Where and in what form a head keeps sealed tokens; without a form it seals none. The pool's pages have the
// form's payload, and the same optional fields as those of the exact pool.
struct Packing {
  PagePool* pool = nullptr;
  const PackedForm* form = nullptr;
};

// A "live index" counts live slots in ascending position, 0 .. length() - 1. What this head shares with a
// fork is copied before it is written, so any member that changes something may throw CapacityError then. A
// member that throws leaves the tokens as they were. Wrong indices and sizes, which only a bug can bring, are
// std::logic_error.
class alignas(64) HeadSlots {  // a cache line each, as neighbours are written by different threads
 public:
  // seed: from which, with a page's first position, packed forms that round at random draw.
  HeadSlots(PagePool* exact, const PageForm* form, Packing packing = {}, uint64_t seed = 0);
  ~HeadSlots();
  HeadSlots(HeadSlots&& other) noexcept;
  HeadSlots& operator=(HeadSlots&&) = delete;

  int length() const { return exact_length_ + packed_length_; }  // live slots
  // Packed pages, then exact ones.
  std::span<const PageView> pages() const { return views_; }
  size_t pages_held() const { return ids_.size(); }
  size_t packed_pages() const { return packed_; }
  size_t bytes() const;                                      // of all pages
  bool has_biases() const { return pool_->options().bias; }  // a field for them, in every page

  // Appends tokens; positions ascending and after the last one. keys, values: [positions.size()][head_dim]
  // float32, keys after RoPE, with the given distances between rows in floats. Throws InputError naming the
  // position of a token whose numbers the page form cannot hold (not finite, or beyond f16).
  void append(std::span<const int32_t> positions, const float* keys, int64_t key_stride, const float* values,
              int64_t value_stride);

  // Packs exact tokens, 64 oldest first, while so many are neither among the first `sinks` live slots, nor
  // among the last `recent`, nor pinned, nor older than a packed one; then moves the exact ones together. A
  // page is sealed wholly or not at all: after a CapacityError the pages sealed before it stay sealed.
  void seal(int64_t sinks, int64_t recent);
  // For a head that has packed nothing yet.
  void set_packing(Packing packing);

  // Keeps the slots at these live indices (ascending, unique) and drops the others, pinned or not. Pages left
  // empty are freed; with compact, the kept exact slots are moved together so that no page but the last has
  // room. Packed slots leave holes; when those make up a page and a quarter of the packed list, the tokens
  // behind the first hole are read and packed anew, which costs them the form's error once more.
  void keep(std::span<const int32_t> live_indices, bool compact);
  // Drops one slot, leaving a hole; exact holes are closed (compacted) once they would make up a page, packed
  // ones as after keep().
  void drop(int32_t live_index);
  // Drops slots whose position is below `position` (sliding-window layers), unless pinned.
  void drop_before(int32_t position);

  void positions(std::span<int32_t> out) const;  // [length()]
  // Physical slot of every live one, page * kPageSlots + slot, page as in pages(): the index that attention's
  // per-slot sums use. [length()]
  void slots(std::span<int32_t> out) const;
  void pinned(std::span<uint8_t> out) const;  // [length()] 1 where pinned
  bool any_pinned() const;
  void pin(int32_t live_index, bool value);
  void set_bias(int32_t live_index, float value);  // finite; the pool must have been made with bias
  void set_scores(std::span<const float> scores);  // [length()]; the pool must have been made with scores
  void scores(std::span<float> out) const;         // [length()]
  // Of an exact slot: [head_dim]; InputError for what the form cannot hold.
  void set_key(int32_t live_index, const float* key);
  // One token as float32 [head_dim]; either pointer may be null.
  void load(int32_t live_index, float* key, float* value) const;

  // All tokens as float32, [length()][head_dim] each; either pointer may be null.
  void load_all(float* keys, float* values) const;

  // Recomputes the summaries of full pages that have none yet; the pool must have been made with summaries.
  void refresh_summaries();
  bool has_summary(size_t page) const { return pool_of(page).has_summary(ids_[page]); }
  PageSummary summary(size_t page) const {  // only when has_summary()
    return pool_of(page).summary(ids_[page]);
  }

  HeadSlots fork() const;  // shares the pages; a page is copied when either side first writes to it

  // Writes all pages as they lie, or reads them into a head that has none (docs/formats.md). Throws
  // InputError for what no head can hold: forms that are not this head's, positions that do not ascend below
  // `end`.
  void archive(Archive& archive, int32_t end);

 private:
  static constexpr PageId kNoPage = std::numeric_limits<PageId>::max();

  struct Place {
    size_t page;
    int slot;
  };

  bool is_packed(size_t page) const { return page < packed_; }
  PagePool& pool_of(size_t page) const { return is_packed(page) ? *packing_.pool : *pool_; }
  void load_page(size_t page, float* keys, float* values) const;
  Place place(int32_t live_index) const;
  // Calls visit(page, slot) for the live slots in order.
  template <typename Visit>
  void for_each_live(Visit visit) const;
  // One bit per slot of each page: those at the given live indices.
  std::vector<uint64_t> masks_of(std::span<const int32_t> live_indices) const;
  std::vector<uint64_t> live_masks() const;

  // Exact slots that no token is in, the unused end of the last page aside.
  int holes() const;
  // Whether so many packed slots without a token, of so many pages, are worth packing anew.
  static bool too_many_holes(size_t holes, size_t pages);

  void own(size_t page);            // makes the page this head's alone
  void own_positions(size_t page);  // and its positions to be written
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
  // Leaves the slots in the masks, one for each page.
  void shrink(std::span<const uint64_t> masks, bool compact_exact);
  // The first page that is written when the exact slots in the masks are moved together.
  size_t first_to_compact(std::span<const uint64_t> masks, int kept) const;
  void compact(std::span<const uint64_t> masks, size_t first, int kept);
  void move_slot(Place to, Place from);
  // The first packed page that has to be packed anew, packed_ when none.
  size_t first_to_repack(std::span<const uint64_t> masks) const;
  void repack(std::span<const uint64_t> masks, size_t first, TokenBatch& batch);

  // Exact slots that may be sealed, a mask for each of pages().
  std::vector<uint64_t> sealable(int64_t sinks, int64_t recent, int* count) const;
  struct Sealed;  // pages on their way into the packed list
  void seal_page(std::vector<uint64_t>& masks, size_t& page, TokenBatch& batch, Sealed& sealed);
  void insert_packed(const Sealed& sealed);
  // Adds a page's slots to a batch, which has room.
  void take(size_t page, uint64_t mask, TokenBatch& batch) const;
  // Fills a packed page, whose positions are owned, with the first tokens of a batch and removes them there.
  PageView write_packed(PageId page, TokenBatch& batch) const;

  void archive_forms(Archive& archive) const;
  void archive_page(Archive& archive, size_t page);
  void archive_positions(Archive& archive, size_t page, bool run);
  void check_archived(const Archive& archive, int32_t end) const;

  PagePool* pool_;
  const PageForm* form_;
  Packing packing_;
  uint64_t seed_;
  std::vector<PageId> ids_;
  std::vector<PageView> views_;  // parallel to ids_
  size_t packed_ = 0;            // of them, in front
  int exact_length_ = 0, packed_length_ = 0;
  bool pins_seen_ = false;  // some slot has been pinned: without it no page need be asked
};

}  // namespace kvcompress
