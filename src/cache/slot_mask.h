// The slots of a page as bits of a word: bit s stands for slot s.
#pragma once

#include <bit>      // std::countr_zero
#include <cstdint>  // uint64_t

#include "cache/page_view.h"  // PageView, kNoToken

namespace kvcompress {

static_assert(kPageSlots == 64, "a page's slots are the bits of a uint64_t");

// Slots [0, count).
constexpr uint64_t lowest_slots(int count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

inline uint64_t live_mask(const PageView& view) {
  if (view.live == view.used) return lowest_slots(view.used);
  uint64_t mask = 0;
  for (int slot = 0; slot < kPageSlots; ++slot) {
    mask |= static_cast<uint64_t>(view.positions[slot] != kNoToken) << slot;
  }
  return mask;
}

// The n-th set bit from below, n < std::popcount(mask).
constexpr int nth_slot(uint64_t mask, int n) {
  for (; n > 0; --n) mask &= mask - 1;
  return std::countr_zero(mask);
}

template <typename Visit>
void for_each_slot(uint64_t mask, Visit visit) {
  for (; mask != 0; mask &= mask - 1) visit(std::countr_zero(mask));
}

}  // namespace kvcompress
