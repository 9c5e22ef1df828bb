// How exact tokens become packed ones, and how a packed list that eviction has thinned out is packed anew.
#include <algorithm>  // std::copy_n, std::fill_n, std::min, std::any_of
#include <bit>        // std::popcount
#include <stdexcept>  // std::logic_error

#include "base/random.h"  // Random
#include "cache/head_slots.h"
#include "cache/slot_mask.h"
#include "cache/token_batch.h"  // TokenBatch
#include "codec/packed_form.h"  // PackedForm

namespace kvcompress {

struct HeadSlots::Sealed {
  std::vector<PageId> ids;
  std::vector<PageView> views;
};

std::vector<uint64_t> HeadSlots::sealable(int64_t sinks, int64_t recent, int* count) const {
  std::vector<uint64_t> masks;
  *count = 0;
  // Only exact slots stand behind the last packed one, so their live indices are the last ones.
  const int32_t last_packed = packed_ > 0 ? views_[packed_ - 1].last_position : -1;
  int64_t behind = 0;
  for (size_t page = packed_; page < views_.size(); ++page) {
    const PageView& view = views_[page];
    if (view.first_position > last_packed) {
      behind += view.live;
    } else if (view.last_position > last_packed) {
      for_each_slot(live_mask(view), [&](int slot) { behind += view.positions[slot] > last_packed; });
    }
  }
  if (behind - recent < kPageSlots) return masks;

  masks.resize(views_.size(), 0);
  int64_t index = length() - behind;
  for (size_t page = packed_; page < views_.size(); ++page) {
    const uint64_t pins = pool_->pins(ids_[page]);
    for_each_slot(live_mask(views_[page]), [&](int slot) {
      if (views_[page].positions[slot] <= last_packed) return;
      const uint64_t bit = uint64_t{1} << slot;
      if (index >= sinks && index < length() - recent && (pins & bit) == 0) masks[page] |= bit;
      ++index;
    });
    *count += std::popcount(masks[page]);
  }
  return masks;
}

void HeadSlots::set_packing(Packing packing) {
  if (packed_ > 0) throw std::logic_error("[cache] this head has packed pages of another form");
  packing_ = packing;
}

void HeadSlots::seal(int64_t sinks, int64_t recent) {
  if (packing_.form == nullptr) return;
  int count = 0;
  std::vector<uint64_t> masks = sealable(sinks, recent, &count);
  if (count < kPageSlots) return;
  const auto pages = static_cast<size_t>(count / kPageSlots);
  TokenBatch batch(form_->head_dim());
  // Room first, so that what has been sealed can be put in its place whatever happens.
  Sealed sealed;
  sealed.ids.reserve(pages);
  sealed.views.reserve(pages);
  ids_.reserve(ids_.size() + pages);
  views_.reserve(views_.size() + pages);
  try {
    for (size_t page = packed_; sealed.ids.size() < pages;) seal_page(masks, page, batch, sealed);
  } catch (...) {
    insert_packed(sealed);
    throw;
  }
  insert_packed(sealed);
  shrink(live_masks(), /*compact_exact=*/true);
}

// Exact pages are given back as soon as they are empty, so that no more than two packed pages are held on
// top: the tokens of one may have begun behind the sinks of a page that stays.
void HeadSlots::seal_page(std::vector<uint64_t>& masks, size_t& page, TokenBatch& batch, Sealed& sealed) {
  std::vector<Place> parts;  // a page, and how many of its slots
  for (int missing = kPageSlots; missing > 0; ++page) {
    const int slots = std::min(missing, std::popcount(masks[page]));
    if (slots > 0) parts.push_back({page, slots});
    missing -= slots;
  }
  page = parts.back().page;
  for (const Place& part : parts) {
    if (part.slot < views_[part.page].live) own(part.page);
  }
  PagePool& pool = *packing_.pool;
  const PageId id = pool.allocate();
  try {
    pool.own_positions(id);
  } catch (...) {
    pool.release(id);
    throw;
  }

  for (const Place& part : parts) take(part.page, lowest_bits(masks[part.page], part.slot), batch);
  sealed.ids.push_back(id);
  sealed.views.push_back(write_packed(id, batch));
  for (const Place& part : parts) {
    const uint64_t taken = lowest_bits(masks[part.page], part.slot);
    masks[part.page] &= ~taken;
    forget_slots(part.page, taken);
    if (views_[part.page].live > 0) continue;
    pool_->release(ids_[part.page]);
    ids_[part.page] = kNoPage;
  }
}

void HeadSlots::insert_packed(const Sealed& sealed) {
  const auto at = static_cast<std::ptrdiff_t>(packed_);
  ids_.insert(ids_.begin() + at, sealed.ids.begin(), sealed.ids.end());
  views_.insert(views_.begin() + at, sealed.views.begin(), sealed.views.end());
  packed_ += sealed.ids.size();
  packed_length_ += static_cast<int>(sealed.ids.size()) * kPageSlots;
  remove_empty_pages();
}

void HeadSlots::take(size_t page, uint64_t mask, TokenBatch& batch) const {
  if (mask == 0) return;
  load_page(page, batch.page_keys.data(), batch.page_values.data());
  PagePool& pool = pool_of(page);
  const PageView& view = views_[page];
  const uint64_t pins = pool.pins(ids_[page]);
  const float* const scores = pool.scores(ids_[page]);
  for_each_slot(mask, [&](int slot) {
    const size_t at = batch.add(slot);
    batch.positions[at] = view.positions[slot];
    batch.bias[at] = view.bias == nullptr ? 0 : view.bias[slot];
    batch.scores[at] = scores == nullptr ? 0 : scores[slot];
    batch.pinned[at] = pins >> slot & 1;
  });
}

PageView HeadSlots::write_packed(PageId page, TokenBatch& batch) const {
  PagePool& pool = *packing_.pool;
  const int count = std::min(batch.count, kPageSlots);
  batch.pad_first_page();
  Random random(seed_, static_cast<uint64_t>(batch.positions[0]));
  const uint64_t high = random.bits();
  packing_.form->encode(pool.payload(page), batch.keys.data(), batch.values.data(),
                        high << 32 | random.bits());

  // Of the fields, those beyond count are as where no token has ever been.
  const auto write = [count](auto* to, const auto& from, auto nothing) {
    std::copy_n(from.begin(), count, to);
    std::fill_n(to + count, kPageSlots - count, nothing);
  };
  write(pool.own_positions(page), batch.positions, kNoToken);
  pool.share_positions(page);
  PageView view{pool.payload(page),
                pool.positions(page),
                nullptr,
                batch.positions[0],
                batch.positions[count - 1],
                static_cast<uint8_t>(count),
                static_cast<uint8_t>(count),
                packing_.form};
  pool.pins(page) = 0;
  for (int slot = 0; slot < count; ++slot)
    pool.pins(page) |= static_cast<uint64_t>(batch.pinned[slot]) << slot;
  if (pool.options().bias) {
    write(pool.bias(page), batch.bias, 0.0f);
    pool.biased(page) =
        std::any_of(batch.bias.begin(), batch.bias.begin() + count, [](float bias) { return bias != 0; });
    if (pool.biased(page)) view.bias = pool.bias(page);
  }
  if (pool.options().scores) write(pool.scores(page), batch.scores, 0.0f);
  if (pool.options().summaries) pool.forget_summary(page);
  batch.remove_first_page();
  return view;
}

size_t HeadSlots::first_to_repack(std::span<const uint64_t> masks) const {
  size_t pages = 0, holes = 0, first = packed_;
  for (size_t page = 0; page < packed_; ++page) {
    if (masks[page] == 0) continue;
    const auto missing = static_cast<size_t>(kPageSlots - std::popcount(masks[page]));
    if (missing > 0 && first == packed_) first = page;
    holes += missing;
    ++pages;
  }
  return too_many_holes(holes, pages) ? first : packed_;
}

// A page is written when it and all before it have been read, so no second copy is needed. What is left over
// makes a last page with room at its end, which no token ever takes: it is smaller than the exact page that
// would hold the same.
void HeadSlots::repack(std::span<const uint64_t> masks, size_t first, TokenBatch& batch) {
  size_t to = first;
  for (size_t page = first; page < packed_; ++page) {
    packed_length_ -= views_[page].live;
    take(page, masks[page], batch);
    if (batch.count >= kPageSlots) {
      views_[to] = write_packed(ids_[to], batch);
      ++to;
    }
  }
  if (batch.count > 0) {
    views_[to] = write_packed(ids_[to], batch);
    ++to;
  }
  for (size_t page = first; page < to; ++page) packed_length_ += views_[page].live;
  for (size_t page = to; page < packed_; ++page) views_[page].live = views_[page].used = 0;
}

}  // namespace kvcompress
