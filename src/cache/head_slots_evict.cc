// How a head shrinks. In every member the pages that will be written are owned first, as that may fail, and
// only then is anything changed.
#include <fmt/format.h>

#include <algorithm>  // std::fill_n, std::min
#include <bit>        // std::popcount, std::bit_width
#include <stdexcept>  // std::logic_error

#include "cache/head_slots.h"
#include "cache/slot_mask.h"

namespace kvcompress {

int HeadSlots::holes() const {
  if (views_.empty()) return 0;
  return static_cast<int>(views_.size() - 1) * kPageSlots + views_.back().used - length_;
}

std::vector<uint64_t> HeadSlots::live_masks() const {
  std::vector<uint64_t> masks;
  masks.reserve(views_.size());
  for (const PageView& view : views_) masks.push_back(live_mask(view));
  return masks;
}

std::vector<uint64_t> HeadSlots::masks_of(std::span<const int32_t> live_indices) const {
  std::vector<uint64_t> masks(views_.size(), 0);
  size_t page = 0;
  int before = 0;   // live slots in front of `page`
  int reached = 0;  // live index of the lowest bit of `rest`
  uint64_t rest = views_.empty() ? 0 : live_mask(views_[0]);
  for (const int32_t index : live_indices) {
    if (index < reached || index >= length_) {
      throw std::logic_error(
          fmt::format("[cache] live indices to keep must ascend within 0 .. {}, got {} after {}", length_ - 1,
                      index, reached - 1));
    }
    while (index >= before + views_[page].live) {
      before += views_[page++].live;
      rest = live_mask(views_[page]);
      reached = before;
    }
    for (; reached < index; ++reached) rest &= rest - 1;
    masks[page] |= rest & (0 - rest);
    rest &= rest - 1;
    ++reached;
  }
  return masks;
}

void HeadSlots::keep(std::span<const int32_t> live_indices, bool compact_pages) {
  const std::vector<uint64_t> masks = masks_of(live_indices);
  if (compact_pages) {
    compact(masks);
  } else {
    keep_in_place(masks);
  }
}

void HeadSlots::drop(int32_t live_index) {
  const Place at = place(live_index);
  const uint64_t bit = uint64_t{1} << at.slot;
  if (views_[at.page].live == 1) {
    forget_slots(at.page, bit);
    remove_empty_pages();
  } else if (holes() + 1 < kPageSlots) {
    own(at.page);
    forget_slots(at.page, bit);
  } else {
    std::vector<uint64_t> masks = live_masks();
    masks[at.page] &= ~bit;
    compact(masks);
  }
}

void HeadSlots::drop_before(int32_t position) {
  if (views_.empty() || views_.front().first_position >= position) return;
  std::vector<uint64_t> masks = live_masks();
  int kept = 0, kept_pages = 0;
  for (size_t page = 0; page < masks.size(); ++page) {
    if (views_[page].first_position < position) {
      const uint64_t pins = pool_->pins(ids_[page]);
      for_each_slot(masks[page] & ~pins, [&](int slot) {
        if (views_[page].positions[slot] < position) masks[page] &= ~(uint64_t{1} << slot);
      });
    }
    kept += std::popcount(masks[page]);
    kept_pages += masks[page] != 0 ? 1 : 0;
  }
  if (kept == length_) return;
  // One page fewer would do when this many slots are beyond what the pages but one hold.
  const int room_of_last = kPageSlots - views_.back().used;
  const bool wasteful = kept_pages * kPageSlots - room_of_last - kept >= kPageSlots;
  if (wasteful) {
    compact(masks);
  } else {
    keep_in_place(masks);
  }
}

void HeadSlots::keep_in_place(std::span<const uint64_t> masks) {
  for (size_t page = 0; page < masks.size(); ++page) {
    if (masks[page] != 0 && std::popcount(masks[page]) < views_[page].live) own(page);
  }
  for (size_t page = 0; page < masks.size(); ++page) {
    const uint64_t dropped = live_mask(views_[page]) & ~masks[page];
    if (dropped != 0) forget_slots(page, dropped);
  }
  remove_empty_pages();
}

// A page that loses all its tokens is about to be freed and need not be owned: nothing is written to it.
void HeadSlots::forget_slots(size_t page, uint64_t mask) {
  PageView& view = views_[page];
  const int count = std::popcount(mask);
  length_ -= count;
  if (count == view.live) {
    view.live = view.used = 0;
    return;
  }
  int32_t* positions = pool_->positions(ids_[page]);
  for_each_slot(mask, [&](int slot) { positions[slot] = kNoToken; });
  clear_fields(page, mask);
  if (pool_->options().summaries) pool_->forget_summary(ids_[page]);
  update_view(page);
}

// A later token may take the slots, and must not inherit anything.
void HeadSlots::clear_fields(size_t page, uint64_t mask) {
  const PageId id = ids_[page];
  pool_->pins(id) &= ~mask;
  if (pool_->options().bias) for_each_slot(mask, [bias = pool_->bias(id)](int slot) { bias[slot] = 0; });
  if (pool_->options().scores)
    for_each_slot(mask, [scores = pool_->scores(id)](int slot) { scores[slot] = 0; });
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
  view.bias = pool_->options().bias && pool_->biased(ids_[page]) ? pool_->bias(ids_[page]) : nullptr;
}

void HeadSlots::remove_empty_pages() {
  size_t kept = 0;
  for (size_t page = 0; page < ids_.size(); ++page) {
    if (views_[page].live == 0) {
      pool_->release(ids_[page]);
      continue;
    }
    ids_[kept] = ids_[page];
    views_[kept] = views_[page];
    ++kept;
  }
  ids_.resize(kept);
  views_.resize(kept);
}

// Slots only move towards the front, so a slot is read before it is overwritten and no second copy is needed.
void HeadSlots::compact(std::span<const uint64_t> masks) {
  int kept = 0;
  for (const uint64_t mask : masks) kept += std::popcount(mask);
  const size_t pages = static_cast<size_t>((kept + kPageSlots - 1) / kPageSlots);
  // Pages in front that stay as they are: full, or the last with nothing to be dropped from it.
  size_t first = 0;
  while (first < pages) {
    const int rest = kept - static_cast<int>(first) * kPageSlots;
    if (masks[first] != lowest_slots(rest) || views_[first].live != std::min(rest, kPageSlots)) break;
    ++first;
  }
  for (size_t page = first; page < pages; ++page) own(page);

  Place to{first, 0};
  for (size_t page = first; page < masks.size(); ++page) {
    for_each_slot(masks[page], [&](int slot) {
      move_slot(to, {page, slot});
      if (++to.slot == kPageSlots) to = {to.page + 1, 0};
    });
  }
  remove_pages_from(pages);
  for (size_t page = first; page < pages; ++page) {
    const int used = page + 1 < pages ? kPageSlots : kept - static_cast<int>(page) * kPageSlots;
    std::fill_n(pool_->positions(ids_[page]) + used, kPageSlots - used, kNoToken);
    clear_fields(page, ~lowest_slots(used));
    if (pool_->options().summaries) pool_->forget_summary(ids_[page]);
    update_view(page);
  }
  length_ = kept;
}

void HeadSlots::move_slot(Place to, Place from) {
  if (to.page == from.page && to.slot == from.slot) return;
  const PageId to_page = ids_[to.page], from_page = ids_[from.page];
  pool_->form().copy(pool_->payload(to_page), to.slot, pool_->payload(from_page), from.slot);
  pool_->positions(to_page)[to.slot] = pool_->positions(from_page)[from.slot];
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
