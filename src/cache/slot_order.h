// The live slots of a head in ascending position, whichever of its two lists of pages they lie in.
#pragma once

#include <bit>      // std::countr_zero, std::popcount
#include <cstddef>  // size_t
#include <cstdint>  // int32_t, uint64_t
#include <span>     // std::span

#include "cache/page_view.h"  // PageView
#include "cache/slot_mask.h"  // live_mask, slots_where

namespace kvcompress {

// Merges two ascending lists, pages [0, packed) and [packed, pages.size()), into runs: slots of one page
// between which no slot of the other list stands.
class SlotRuns {
 public:
  SlotRuns(std::span<const PageView> pages, size_t packed)
      : pages_(pages), packed_{0, packed}, exact_{packed, pages.size()} {}

  // Goes on to the next run, from before the first one to begin with; false after the last.
  bool next() {
    if (packed_.done() && exact_.done()) return false;
    const bool from_packed = exact_.done() || (!packed_.done() && position(packed_) < position(exact_));
    Cursor& from = from_packed ? packed_ : exact_;
    const Cursor& other = from_packed ? exact_ : packed_;
    page_ = from.page;
    whole_ = !from.begun && (other.done() || pages_[page_].last_position < position(other));
    if (whole_) {
      ++from.page;
      return true;
    }
    if (!from.begun) from.rest = live_mask(pages_[page_]);
    mask_ = other.done() ? from.rest : below(pages_[page_], from.rest, position(other));
    from.rest &= ~mask_;
    from.begun = from.rest != 0;
    if (!from.begun) ++from.page;
    return true;
  }

  size_t page() const { return page_; }
  int count() const { return whole_ ? pages_[page_].live : std::popcount(mask_); }
  uint64_t mask() const { return whole_ ? live_mask(pages_[page_]) : mask_; }

 private:
  struct Cursor {
    size_t page, end;
    bool begun = false;  // slots of the page are behind us already
    uint64_t rest = 0;   // the others, once begun
    bool done() const { return page == end; }
  };

  int32_t position(const Cursor& at) const {
    const PageView& view = pages_[at.page];
    return at.begun ? view.positions[std::countr_zero(at.rest)] : view.first_position;
  }
  static uint64_t below(const PageView& view, uint64_t mask, int32_t end) {
    return mask & slots_where(view, [end](int32_t position) { return position < end; });
  }

  std::span<const PageView> pages_;
  Cursor packed_, exact_;
  size_t page_ = 0;
  bool whole_ = false;
  uint64_t mask_ = 0;
};

}  // namespace kvcompress
