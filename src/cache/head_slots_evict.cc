// How a head shrinks. In every member the pages that will be written are owned first, as that may fail, and
// only then is anything changed.
#include <fmt/format.h>

#include <algorithm>  // std::fill_n, std::min
#include <bit>        // std::popcount, std::bit_width
#include <optional>   // std::optional
#include <stdexcept>  // std::logic_error

#include "cache/head_slots.h"
#include "cache/slot_mask.h"
#include "cache/slot_order.h"   // SlotRuns
#include "cache/token_batch.h"  // TokenBatch

namespace kvcompress {

int HeadSlots::holes() const {
  if (views_.size() == packed_) return 0;
  return static_cast<int>(views_.size() - packed_ - 1) * kPageSlots + views_.back().used - exact_length_;
}

bool HeadSlots::too_many_holes(size_t holes, size_t pages) {
  return holes >= kPageSlots && 4 * holes >= pages * kPageSlots;
}

std::vector<uint64_t> HeadSlots::live_masks() const {
  std::vector<uint64_t> masks;
  masks.reserve(views_.size());
  for (const PageView& view : views_) masks.push_back(live_mask(view));
  return masks;
}

std::vector<uint64_t> HeadSlots::masks_of(std::span<const int32_t> live_indices) const {
  std::vector<uint64_t> masks(views_.size(), 0);
  auto next = live_indices.begin();
  int before = 0;   // live slots in front of the run
  int reached = 0;  // live index of the lowest bit of `rest`
  for (SlotRuns runs(views_, packed_); next != live_indices.end() && runs.next(); before += runs.count()) {
    const int end = before + runs.count();
    if (*next >= end) continue;
    uint64_t rest = runs.mask();
    for (reached = before; next != live_indices.end() && *next < end; ++next, ++reached) {
      if (*next < reached) break;
      for (; reached < *next; ++reached) rest &= rest - 1;
      masks[runs.page()] |= rest & (0 - rest);
      rest &= rest - 1;
    }
    if (next != live_indices.end() && *next < end) break;
  }
  if (next == live_indices.end()) return masks;
  throw std::logic_error(
      fmt::format("[cache] live indices to keep must ascend within 0 .. {}, got {} as number {}",
                  length() - 1, *next, next - live_indices.begin()));
}

void HeadSlots::keep(std::span<const int32_t> live_indices, bool compact_pages) {
  shrink(masks_of(live_indices), compact_pages);
}

void HeadSlots::drop(int32_t live_index) {
  const Place at = place(live_index);
  const uint64_t bit = uint64_t{1} << at.slot;
  const uint64_t kept = live_mask(views_[at.page]) & ~bit;
  const bool packed = is_packed(at.page);
  const bool full =
      packed ? too_many_holes(packed_ * kPageSlots - packed_length_ + 1, packed_) : holes() + 1 >= kPageSlots;
  if (kept == 0) {
    forget_slots(at.page, bit);
    remove_empty_pages();
  } else if (!full) {
    own_positions(at.page);
    forget_slots(at.page, bit);
  } else {
    std::vector<uint64_t> masks = live_masks();
    masks[at.page] = kept;
    shrink(masks, !packed);
  }
}

void HeadSlots::drop_before(int32_t position) {
  const auto begins_before = [&](size_t page) {
    return page < views_.size() && views_[page].first_position < position;
  };
  if (!begins_before(0) && !begins_before(packed_)) return;
  std::vector<uint64_t> masks = live_masks();
  int kept = 0, kept_exact = 0, exact_pages = 0;
  for (size_t page = 0; page < masks.size(); ++page) {
    if (views_[page].first_position < position) {
      const uint64_t pins = pool_of(page).pins(ids_[page]);
      for_each_slot(masks[page] & ~pins, [&](int slot) {
        if (views_[page].positions[slot] < position) masks[page] &= ~(uint64_t{1} << slot);
      });
    }
    kept += std::popcount(masks[page]);
    if (is_packed(page)) continue;
    kept_exact += std::popcount(masks[page]);
    exact_pages += masks[page] != 0 ? 1 : 0;
  }
  if (kept == length()) return;
  // One exact page fewer would do when this many slots are beyond what the pages but one hold.
  const int room_of_last = views_.size() > packed_ ? kPageSlots - views_.back().used : 0;
  shrink(masks, exact_pages * kPageSlots - room_of_last - kept_exact >= kPageSlots);
}

void HeadSlots::shrink(std::span<const uint64_t> masks, bool compact_exact) {
  int kept = 0, kept_behind = 0;  // exact slots; packed slots from first_repacked on
  const size_t first_repacked = first_to_repack(masks);
  for (size_t page = first_repacked; page < packed_; ++page) kept_behind += std::popcount(masks[page]);
  for (size_t page = packed_; page < masks.size(); ++page) kept += std::popcount(masks[page]);
  const size_t first_compacted = compact_exact ? first_to_compact(masks, kept) : masks.size();
  const auto stays_in_place = [&](size_t page) {
    return is_packed(page) ? page < first_repacked : page < first_compacted;
  };
  const auto pages_for = [](int slots) { return static_cast<size_t>((slots + kPageSlots - 1) / kPageSlots); };

  for (size_t page = 0; page < masks.size(); ++page) {
    if (stays_in_place(page)) {
      if (masks[page] != 0 && std::popcount(masks[page]) < views_[page].live) own_positions(page);
    } else if (page <
               (is_packed(page) ? first_repacked + pages_for(kept_behind) : packed_ + pages_for(kept))) {
      own_positions(page);
    }
  }
  std::optional<TokenBatch> batch;
  if (first_repacked < packed_) batch.emplace(form_->head_dim());

  for (size_t page = 0; page < masks.size(); ++page) {
    const uint64_t dropped = live_mask(views_[page]) & ~masks[page];
    if (dropped != 0 && stays_in_place(page)) forget_slots(page, dropped);
  }
  if (compact_exact) compact(masks, first_compacted, kept);
  if (batch) repack(masks, first_repacked, *batch);
  remove_empty_pages();
}

// A page that loses all its tokens is about to be freed and need not be owned: nothing is written to it.
void HeadSlots::forget_slots(size_t page, uint64_t mask) {
  PageView& view = views_[page];
  const int count = std::popcount(mask);
  (is_packed(page) ? packed_length_ : exact_length_) -= count;
  if (count == view.live) {
    view.live = view.used = 0;
    return;
  }
  int32_t* positions = pool_of(page).own_positions(ids_[page]);
  for_each_slot(mask, [&](int slot) { positions[slot] = kNoToken; });
  clear_fields(page, mask);
  if (pool_->options().summaries) pool_of(page).forget_summary(ids_[page]);
  update_view(page);
}

// A later token may take the slots, and must not inherit anything.
void HeadSlots::clear_fields(size_t page, uint64_t mask) {
  PagePool& pool = pool_of(page);
  const PageId id = ids_[page];
  pool.pins(id) &= ~mask;
  if (pool.options().bias) for_each_slot(mask, [bias = pool.bias(id)](int slot) { bias[slot] = 0; });
  if (pool.options().scores) for_each_slot(mask, [scores = pool.scores(id)](int slot) { scores[slot] = 0; });
}

void HeadSlots::update_view(size_t page) {
  PageView& view = views_[page];
  view.live = 0;
  view.used = kPageSlots;  // differs from live, so the mask is read from the positions
  const uint64_t mask = live_mask(view);
  view.live = static_cast<uint8_t>(std::popcount(mask));
  view.used = static_cast<uint8_t>(std::bit_width(mask));
  view.first_position = mask == 0 ? kNoToken : view.positions[std::countr_zero(mask)];
  view.last_position = mask == 0 ? -1 : view.positions[view.used - 1];
  PagePool& pool = pool_of(page);
  view.bias = pool.options().bias && pool.biased(ids_[page]) ? pool.bias(ids_[page]) : nullptr;
}

void HeadSlots::remove_empty_pages() {
  size_t kept = 0, kept_packed = 0;
  for (size_t page = 0; page < ids_.size(); ++page) {
    if (views_[page].live == 0) {
      if (ids_[page] != kNoPage) pool_of(page).release(ids_[page]);
      continue;
    }
    ids_[kept] = ids_[page];
    views_[kept] = views_[page];
    ++kept;
    if (is_packed(page)) ++kept_packed;
  }
  ids_.resize(kept);
  views_.resize(kept);
  packed_ = kept_packed;
}

// Pages in front stay as they are that are full, or the last with nothing to be dropped from it.
size_t HeadSlots::first_to_compact(std::span<const uint64_t> masks, int kept) const {
  size_t first = packed_;
  for (int rest = kept; rest > 0; rest -= kPageSlots, ++first) {
    if (masks[first] != lowest_slots(rest) || views_[first].live != std::min(rest, kPageSlots)) break;
  }
  return first;
}

// Slots only move towards the front, so a slot is read before it is overwritten and no second copy is needed.
void HeadSlots::compact(std::span<const uint64_t> masks, size_t first, int kept) {
  const size_t pages = packed_ + static_cast<size_t>((kept + kPageSlots - 1) / kPageSlots);
  Place to{first, 0};
  for (size_t page = first; page < masks.size(); ++page) {
    for_each_slot(masks[page], [&](int slot) {
      move_slot(to, {page, slot});
      if (++to.slot == kPageSlots) to = {to.page + 1, 0};
    });
  }
  remove_pages_from(pages);
  for (size_t page = first; page < pages; ++page) {
    const int used = std::min(kPageSlots, kept - static_cast<int>(page - packed_) * kPageSlots);
    std::fill_n(pool_->own_positions(ids_[page]) + used, kPageSlots - used, kNoToken);
    clear_fields(page, ~lowest_slots(used));
    if (pool_->options().summaries) pool_->forget_summary(ids_[page]);
    update_view(page);
  }
  exact_length_ = kept;
}

void HeadSlots::move_slot(Place to, Place from) {
  if (to.page == from.page && to.slot == from.slot) return;
  const PageId to_page = ids_[to.page], from_page = ids_[from.page];
  form_->copy(pool_->payload(to_page), to.slot, pool_->payload(from_page), from.slot);
  pool_->own_positions(to_page)[to.slot] = pool_->positions(from_page)[from.slot];
  const uint64_t pinned = pool_->pins(from_page) >> from.slot & 1;
  uint64_t& pins = pool_->pins(to_page);
  pins = (pins & ~(uint64_t{1} << to.slot)) | pinned << to.slot;
  if (pool_->options().scores) pool_->scores(to_page)[to.slot] = pool_->scores(from_page)[from.slot];
  if (pool_->options().bias) {
    pool_->bias(to_page)[to.slot] = pool_->bias(from_page)[from.slot];
    pool_->biased(to_page) = pool_->biased(to_page) || pool_->biased(from_page);
  }
}

}  // namespace kvcompress
