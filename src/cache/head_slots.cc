// How a head grows, and what is read from it and noted on its slots; how it shrinks is in
// head_slots_evict.cc, how tokens are packed in head_slots_pack.cc.
#include "cache/head_slots.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>   // std::min, std::adjacent_find, std::fill
#include <cmath>       // std::isfinite
#include <functional>  // std::greater_equal
#include <stdexcept>   // std::logic_error
#include <utility>     // std::exchange, std::move

#include "cache/slot_mask.h"    // live_mask, nth_slot, for_each_slot
#include "cache/slot_order.h"   // SlotRuns
#include "codec/packed_form.h"  // PackedForm

namespace kvcompress {
namespace {

void check_size(size_t given, int length) {
  if (given == static_cast<size_t>(length)) return;
  throw std::logic_error(fmt::format("[cache] a span of {} for a head of {} live slots", given, length));
}

bool continues(int32_t last, std::span<const int32_t> positions) {
  const auto not_ascending = std::adjacent_find(positions.begin(), positions.end(), std::greater_equal<>());
  return positions.front() > last && positions.back() != kNoToken && not_ascending == positions.end();
}

}  // namespace

HeadSlots::HeadSlots(PagePool* exact, const PageForm* form, Packing packing, uint64_t seed)
    : pool_(exact), form_(form), packing_(packing), seed_(seed) {
  if (form->head_dim() != exact->head_dim()) {
    throw std::logic_error(
        fmt::format("[cache] a form of {} channels for a pool of {}", form->head_dim(), exact->head_dim()));
  }
  if (packing.form == nullptr) return;
  if (packing.pool == nullptr || packing.form->head_dim() != exact->head_dim() ||
      packing.pool->head_dim() != exact->head_dim() || !(packing.pool->options() == exact->options())) {
    throw std::logic_error("[cache] packed pages must have the exact ones' head_dim and optional fields");
  }
}

HeadSlots::~HeadSlots() { remove_pages_from(0); }

HeadSlots::HeadSlots(HeadSlots&& other) noexcept
    : pool_(other.pool_),
      form_(other.form_),
      packing_(other.packing_),
      seed_(other.seed_),
      ids_(std::move(other.ids_)),
      views_(std::move(other.views_)),
      packed_(std::exchange(other.packed_, 0)),
      exact_length_(std::exchange(other.exact_length_, 0)),
      packed_length_(std::exchange(other.packed_length_, 0)),
      pins_seen_(other.pins_seen_) {
  other.ids_.clear();
  other.views_.clear();
}

HeadSlots HeadSlots::fork() const {
  HeadSlots copy(pool_, form_, packing_, seed_);
  copy.views_ = views_;
  copy.ids_.reserve(ids_.size());
  copy.packed_ = packed_;
  for (size_t page = 0; page < ids_.size(); ++page) {
    pool_of(page).retain(ids_[page]);
    copy.ids_.push_back(ids_[page]);
  }
  copy.exact_length_ = exact_length_;
  copy.packed_length_ = packed_length_;
  copy.pins_seen_ = pins_seen_;
  return copy;
}

size_t HeadSlots::bytes() const {
  size_t bytes = (ids_.size() - packed_) * pool_->page_bytes();
  for (size_t page = 0; page < packed_; ++page) bytes += packing_.pool->bytes_of(ids_[page]);
  return bytes;
}

void HeadSlots::add_page() {
  // Room first: when the pool refuses, nothing but the room is to be undone.
  views_.emplace_back();
  ids_.push_back(kNoPage);
  ids_.back() = pool_->allocate();
  const PageId page = ids_.back();
  views_.back() = {pool_->payload(page), pool_->positions(page), nullptr, kNoToken, -1, 0, 0, nullptr};
}

void HeadSlots::remove_pages_from(size_t page) {
  for (size_t p = page; p < ids_.size(); ++p) {
    if (ids_[p] != kNoPage) pool_of(p).release(ids_[p]);
  }
  packed_ = std::min(packed_, page);
  ids_.resize(std::min(ids_.size(), page));
  views_.resize(std::min(views_.size(), page));
}

void HeadSlots::own(size_t page) {
  PagePool& pool = pool_of(page);
  if (!pool.shared(ids_[page])) return;
  const PageId copy = pool.duplicate(ids_[page]);
  pool.release(ids_[page]);
  ids_[page] = copy;
  PageView& view = views_[page];
  view.payload = pool.payload(copy);
  view.positions = pool.positions(copy);
  if (view.bias != nullptr) view.bias = pool.bias(copy);
}

void HeadSlots::own_positions(size_t page) {
  own(page);
  views_[page].positions = pool_of(page).own_positions(ids_[page]);
}

void HeadSlots::append(std::span<const int32_t> positions, const float* keys, int64_t key_stride,
                       const float* values, int64_t value_stride) {
  if (positions.empty()) return;
  int32_t last = views_.empty() ? -1 : views_.back().last_position;
  if (packed_ > 0) last = std::max(last, views_[packed_ - 1].last_position);
  if (!continues(last, positions))
    throw std::logic_error(fmt::format("[cache] positions do not ascend from {}", last));
  const size_t old_pages = ids_.size();
  const int room = old_pages == packed_ ? 0 : kPageSlots - views_.back().used;
  const Place begin = room > 0 ? Place{old_pages - 1, kPageSlots - room} : Place{old_pages, 0};
  if (room > 0) own(begin.page);
  try {
    const int slots = begin.slot + static_cast<int>(positions.size());
    const size_t pages = begin.page + static_cast<size_t>((slots + kPageSlots - 1) / kPageSlots);
    while (ids_.size() < pages) add_page();
    const int unfit =
        store(begin, static_cast<int>(positions.size()), keys, key_stride, values, value_stride);
    if (unfit >= 0) {
      throw InputError(
          fmt::format("[cache] expected keys and values within the range of f16 at position {}, got a "
                      "number that is not finite or beyond 65504; check the model file",
                      positions[static_cast<size_t>(unfit)]));
    }
  } catch (...) {
    remove_pages_from(old_pages);
    if (room > 0) form_->clear(pool_->payload(ids_[begin.page]), begin.slot, room);
    throw;
  }
  note_positions(begin, positions);
}

int HeadSlots::store(Place at, int rows, const float* keys, int64_t key_stride, const float* values,
                     int64_t value_stride) {
  for (int row = 0; row < rows; at = {at.page + 1, 0}) {
    const int count = std::min(rows - row, kPageSlots - at.slot);
    const int unfit = form_->store(pool_->payload(ids_[at.page]), at.slot, count, keys + row * key_stride,
                                   key_stride, values + row * value_stride, value_stride);
    if (unfit >= 0) return row + unfit;
    row += count;
  }
  return -1;
}

void HeadSlots::note_positions(Place at, std::span<const int32_t> positions) {
  exact_length_ += static_cast<int>(positions.size());
  for (; !positions.empty(); at = {at.page + 1, 0}) {
    const size_t count = std::min<size_t>(positions.size(), kPageSlots - at.slot);
    std::copy_n(positions.begin(), count, pool_->own_positions(ids_[at.page]) + at.slot);
    PageView& view = views_[at.page];
    if (view.live == 0) view.first_position = positions.front();
    view.last_position = positions[count - 1];
    view.used = static_cast<uint8_t>(at.slot + count);
    view.live = static_cast<uint8_t>(view.live + count);
    if (pool_->options().summaries) pool_->forget_summary(ids_[at.page]);
    positions = positions.subspan(count);
  }
}

HeadSlots::Place HeadSlots::place(int32_t live_index) const {
  if (live_index < 0 || live_index >= length()) {
    throw std::logic_error(
        fmt::format("[cache] live index {} of a head of {} live slots", live_index, length()));
  }
  int rest = live_index;
  if (packed_ > 0) {
    SlotRuns runs(views_, packed_);
    while (runs.next() && rest >= runs.count()) rest -= runs.count();
    return {runs.page(), nth_slot(runs.mask(), rest)};
  }
  size_t page = 0;
  while (rest >= views_[page].live) rest -= views_[page++].live;
  const PageView& view = views_[page];
  return {page, view.live == view.used ? rest : nth_slot(live_mask(view), rest)};
}

template <typename Visit>
void HeadSlots::for_each_live(Visit visit) const {
  for (SlotRuns runs(views_, packed_); runs.next();) {
    for_each_slot(runs.mask(), [&](int slot) { visit(runs.page(), slot); });
  }
}

void HeadSlots::positions(std::span<int32_t> out) const {
  check_size(out.size(), length());
  int32_t* next = out.data();
  if (packed_ > 0)
    return for_each_live([&](size_t page, int slot) { *next++ = views_[page].positions[slot]; });
  // Every slot is written, and overwritten when it holds no token; the last one in use does.
  for (const PageView& view : views_) {
    for (int slot = 0; slot < view.used; ++slot) {
      *next = view.positions[slot];
      next += view.positions[slot] != kNoToken ? 1 : 0;
    }
  }
}

void HeadSlots::slots(std::span<int32_t> out) const {
  check_size(out.size(), length());
  int32_t* next = out.data();
  if (packed_ > 0) {
    return for_each_live(
        [&](size_t page, int slot) { *next++ = static_cast<int32_t>(page) * kPageSlots + slot; });
  }
  int32_t place = 0;
  for (const PageView& view : views_) {
    for (int slot = 0; slot < view.used; ++slot) {
      *next = place + slot;
      next += view.positions[slot] != kNoToken ? 1 : 0;
    }
    place += kPageSlots;
  }
}

void HeadSlots::pinned(std::span<uint8_t> out) const {
  check_size(out.size(), length());
  std::fill(out.begin(), out.end(), uint8_t{0});
  if (!any_pinned()) return;
  auto next = out.begin();
  for_each_live([&](size_t page, int slot) { *next++ = pool_of(page).pins(ids_[page]) >> slot & 1; });
}

bool HeadSlots::any_pinned() const {
  if (!pins_seen_) return false;
  for (size_t page = 0; page < ids_.size(); ++page) {
    if (pool_of(page).pins(ids_[page]) != 0) return true;
  }
  return false;
}

void HeadSlots::pin(int32_t live_index, bool value) {
  const Place at = place(live_index);
  own(at.page);
  const uint64_t bit = uint64_t{1} << at.slot;
  uint64_t& pins = pool_of(at.page).pins(ids_[at.page]);
  pins = value ? pins | bit : pins & ~bit;
  pins_seen_ = pins_seen_ || value;
}

void HeadSlots::set_bias(int32_t live_index, float value) {
  if (!pool_->options().bias) throw std::logic_error("[cache] this pool was made without bias");
  if (!std::isfinite(value)) throw std::logic_error("[cache] a bias that is not finite");
  const Place at = place(live_index);
  own(at.page);
  PagePool& pool = pool_of(at.page);
  const PageId page = ids_[at.page];
  pool.bias(page)[at.slot] = value;
  pool.biased(page) = true;
  views_[at.page].bias = pool.bias(page);
}

void HeadSlots::set_scores(std::span<const float> scores) {
  if (!pool_->options().scores) throw std::logic_error("[cache] this pool was made without scores");
  check_size(scores.size(), length());
  for (size_t page = 0; page < ids_.size(); ++page) own(page);
  auto next = scores.begin();
  for_each_live([&](size_t page, int slot) { pool_of(page).scores(ids_[page])[slot] = *next++; });
}

void HeadSlots::scores(std::span<float> out) const {
  if (!pool_->options().scores) throw std::logic_error("[cache] this pool was made without scores");
  check_size(out.size(), length());
  auto next = out.begin();
  for_each_live([&](size_t page, int slot) { *next++ = pool_of(page).scores(ids_[page])[slot]; });
}

void HeadSlots::load(int32_t live_index, float* key, float* value) const {
  const Place at = place(live_index);
  const PageView& view = views_[at.page];
  if (view.packed != nullptr) {
    view.packed->load(view.payload, at.slot, key, value);
  } else {
    form_->load(view.payload, at.slot, key, value);
  }
}

void HeadSlots::load_page(size_t page, float* keys, float* values) const {
  const PageView& view = views_[page];
  if (view.packed != nullptr) {
    view.packed->load_page(view.payload, keys, values);
  } else {
    form_->load_page(view.payload, keys, values);
  }
}

void HeadSlots::set_key(int32_t live_index, const float* key) {
  const Place at = place(live_index);
  if (is_packed(at.page)) throw std::logic_error("[cache] the key of a packed slot cannot be set");
  std::vector<float> value(static_cast<size_t>(form_->head_dim()));
  form_->load(views_[at.page].payload, at.slot, nullptr, value.data());
  own(at.page);
  if (form_->store(pool_->payload(ids_[at.page]), at.slot, 1, key, 0, value.data(), 0) >= 0) {
    throw InputError(
        fmt::format("[cache] expected a key that the page form can hold, got one beyond it; check "
                    "the model"));
  }
}

void HeadSlots::load_all(float* keys, float* values) const {
  const auto width = static_cast<size_t>(form_->head_dim());
  // Of each list the page that was read last, as runs of one may go back and forth between the other's.
  std::vector<float> page_keys(keys != nullptr ? 2 * kPageSlots * width : 0);
  std::vector<float> page_values(values != nullptr ? 2 * kPageSlots * width : 0);
  size_t loaded[2] = {views_.size(), views_.size()};
  size_t live = 0;
  for_each_live([&](size_t page, int slot) {
    const size_t list = is_packed(page) ? 1 : 0, first = list * kPageSlots * width;
    if (page != loaded[list]) {
      load_page(page, keys != nullptr ? page_keys.data() + first : nullptr,
                values != nullptr ? page_values.data() + first : nullptr);
      loaded[list] = page;
    }
    const size_t from = first + slot * width;
    if (keys != nullptr) std::copy_n(page_keys.data() + from, width, keys + live * width);
    if (values != nullptr) std::copy_n(page_values.data() + from, width, values + live * width);
    ++live;
  });
}

}  // namespace kvcompress
