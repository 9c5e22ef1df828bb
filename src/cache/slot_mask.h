// The slots of a page as bits of a word: bit s stands for slot s.
#pragma once

#include <array>    // std::array
#include <bit>      // std::countr_zero
#include <cstdint>  // uint64_t

#include "cache/page_view.h"  // PageView, kNoToken

namespace kvcompress {

static_assert(kPageSlots == 64, "a page's slots are the bits of a uint64_t");

// Slots [0, count).
constexpr uint64_t lowest_slots(int count) { return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }

// The slots whose position fits.
template <typename Fits>
uint64_t slots_where(const PageView& view, Fits fits) {
  // Flags as bytes, which compilers make of many positions at once; the product brings those of eight bytes
  // together in its highest one.
  std::array<uint8_t, kPageSlots> flags;
  for (int slot = 0; slot < kPageSlots; ++slot) flags[slot] = fits(view.positions[slot]) ? 1 : 0;
  uint64_t mask = 0;
  for (int slot = 0; slot < kPageSlots; slot += 8) {
    uint64_t bits = 0;
    for (int i = 0; i < 8; ++i) bits |= uint64_t{flags[slot + i]} << (8 * i);
    mask |= (bits * 0x0102040810204080) >> 56 << slot;
  }
  return mask;
}

inline uint64_t live_mask(const PageView& view) {
  if (view.live == view.used) return lowest_slots(view.used);
  return slots_where(view, [](int32_t position) { return position != kNoToken; });
}

// The lowest `count` bits of a mask, or all.
constexpr uint64_t lowest_bits(uint64_t mask, int count) {
  uint64_t rest = mask;
  for (; count > 0; --count) rest &= rest - 1;
  return mask & ~rest;
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
