// How a head grows, and what is read from it and noted on its slots; how it shrinks is in
// head_slots_evict.cc.
#include "cache/head_slots.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>   // std::min, std::adjacent_find
#include <cmath>       // std::isfinite
#include <functional>  // std::greater_equal
#include <limits>      // std::numeric_limits
#include <stdexcept>   // std::logic_error
#include <utility>     // std::exchange, std::move

#include "cache/slot_mask.h"  // live_mask, lowest_slots, nth_slot, for_each_slot

namespace kvcompress {
namespace {

constexpr PageId kNoPage = std::numeric_limits<PageId>::max();

void check_size(size_t given, int length) {
  if (given == static_cast<size_t>(length)) return;
  throw std::logic_error(fmt::format("[cache] a span of {} for a head of {} live slots", given, length));
}

bool continues(int32_t last, std::span<const int32_t> positions) {
  const auto not_ascending = std::adjacent_find(positions.begin(), positions.end(), std::greater_equal<>());
  return positions.front() > last && positions.back() != kNoToken && not_ascending == positions.end();
}

}  // namespace

HeadSlots::~HeadSlots() { remove_pages_from(0); }

HeadSlots::HeadSlots(HeadSlots&& other) noexcept
    : pool_(other.pool_),
      ids_(std::move(other.ids_)),
      views_(std::move(other.views_)),
      length_(std::exchange(other.length_, 0)) {
  other.ids_.clear();
  other.views_.clear();
}

HeadSlots HeadSlots::fork() const {
  HeadSlots copy(pool_);
  copy.views_ = views_;
  copy.ids_.reserve(ids_.size());
  for (const PageId page : ids_) {
    pool_->retain(page);
    copy.ids_.push_back(page);
  }
  copy.length_ = length_;
  return copy;
}

void HeadSlots::add_page() {
  // Room first: when the pool refuses, nothing but the room is to be undone.
  views_.emplace_back();
  ids_.push_back(kNoPage);
  ids_.back() = pool_->allocate();
  const PageId page = ids_.back();
  views_.back() = {pool_->payload(page), pool_->positions(page), nullptr, kNoToken, -1, 0, 0,
                   pool_->form().id()};
}

void HeadSlots::remove_pages_from(size_t page) {
  for (size_t p = page; p < ids_.size(); ++p) {
    if (ids_[p] != kNoPage) pool_->release(ids_[p]);
  }
  ids_.resize(std::min(ids_.size(), page));
  views_.resize(std::min(views_.size(), page));
}

void HeadSlots::own(size_t page) {
  if (!pool_->shared(ids_[page])) return;
  const PageId copy = pool_->duplicate(ids_[page]);
  pool_->release(ids_[page]);
  ids_[page] = copy;
  PageView& view = views_[page];
  view.payload = pool_->payload(copy);
  view.positions = pool_->positions(copy);
  if (view.bias != nullptr) view.bias = pool_->bias(copy);
}

void HeadSlots::append(std::span<const int32_t> positions, const float* keys, int64_t key_stride,
                       const float* values, int64_t value_stride) {
  if (positions.empty()) return;
  const int32_t last = views_.empty() ? -1 : views_.back().last_position;
  if (!continues(last, positions))
    throw std::logic_error(fmt::format("[cache] positions do not ascend from {}", last));
  const size_t old_pages = ids_.size();
  const int room = old_pages == 0 ? 0 : kPageSlots - views_.back().used;
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
    if (room > 0) pool_->form().clear(pool_->payload(ids_[begin.page]), begin.slot, room);
    throw;
  }
  note_positions(begin, positions);
}

int HeadSlots::store(Place at, int rows, const float* keys, int64_t key_stride, const float* values,
                     int64_t value_stride) {
  for (int row = 0; row < rows; at = {at.page + 1, 0}) {
    const int count = std::min(rows - row, kPageSlots - at.slot);
    const int unfit =
        pool_->form().store(pool_->payload(ids_[at.page]), at.slot, count, keys + row * key_stride,
                            key_stride, values + row * value_stride, value_stride);
    if (unfit >= 0) return row + unfit;
    row += count;
  }
  return -1;
}

void HeadSlots::note_positions(Place at, std::span<const int32_t> positions) {
  length_ += static_cast<int>(positions.size());
  for (; !positions.empty(); at = {at.page + 1, 0}) {
    const size_t count = std::min<size_t>(positions.size(), kPageSlots - at.slot);
    std::copy_n(positions.begin(), count, pool_->positions(ids_[at.page]) + at.slot);
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
  if (live_index < 0 || live_index >= length_) {
    throw std::logic_error(
        fmt::format("[cache] live index {} of a head of {} live slots", live_index, length_));
  }
  size_t page = 0;
  int rest = live_index;
  while (rest >= views_[page].live) rest -= views_[page++].live;
  const PageView& view = views_[page];
  return {page, view.live == view.used ? rest : nth_slot(live_mask(view), rest)};
}

template <typename Visit>
void HeadSlots::for_each_live(Visit visit) const {
  for (size_t page = 0; page < views_.size(); ++page) {
    for_each_slot(live_mask(views_[page]), [&](int slot) { visit(page, slot); });
  }
}

void HeadSlots::positions(std::span<int32_t> out) const {
  check_size(out.size(), length_);
  auto next = out.begin();
  for_each_live([&](size_t page, int slot) { *next++ = views_[page].positions[slot]; });
}

void HeadSlots::slots(std::span<int32_t> out) const {
  check_size(out.size(), length_);
  auto next = out.begin();
  for_each_live([&](size_t page, int slot) { *next++ = static_cast<int32_t>(page) * kPageSlots + slot; });
}

void HeadSlots::pinned(std::span<uint8_t> out) const {
  check_size(out.size(), length_);
  auto next = out.begin();
  for_each_live([&](size_t page, int slot) { *next++ = pool_->pins(ids_[page]) >> slot & 1; });
}

void HeadSlots::pin(int32_t live_index, bool value) {
  const Place at = place(live_index);
  own(at.page);
  const uint64_t bit = uint64_t{1} << at.slot;
  uint64_t& pins = pool_->pins(ids_[at.page]);
  pins = value ? pins | bit : pins & ~bit;
}

void HeadSlots::set_bias(int32_t live_index, float value) {
  if (!pool_->options().bias) throw std::logic_error("[cache] this pool was made without bias");
  if (!std::isfinite(value)) throw std::logic_error("[cache] a bias that is not finite");
  const Place at = place(live_index);
  own(at.page);
  const PageId page = ids_[at.page];
  pool_->bias(page)[at.slot] = value;
  pool_->biased(page) = true;
  views_[at.page].bias = pool_->bias(page);
}

void HeadSlots::set_scores(std::span<const float> scores) {
  if (!pool_->options().scores) throw std::logic_error("[cache] this pool was made without scores");
  check_size(scores.size(), length_);
  for (size_t page = 0; page < ids_.size(); ++page) own(page);
  auto next = scores.begin();
  for_each_live([&](size_t page, int slot) { pool_->scores(ids_[page])[slot] = *next++; });
}

void HeadSlots::scores(std::span<float> out) const {
  if (!pool_->options().scores) throw std::logic_error("[cache] this pool was made without scores");
  check_size(out.size(), length_);
  auto next = out.begin();
  for_each_live([&](size_t page, int slot) { *next++ = pool_->scores(ids_[page])[slot]; });
}

void HeadSlots::load(int32_t live_index, float* key, float* value) const {
  const Place at = place(live_index);
  pool_->form().load(views_[at.page].payload, at.slot, key, value);
}

void HeadSlots::set_key(int32_t live_index, const float* key) {
  const Place at = place(live_index);
  std::vector<float> value(static_cast<size_t>(pool_->form().head_dim()));
  pool_->form().load(views_[at.page].payload, at.slot, nullptr, value.data());
  own(at.page);
  if (pool_->form().store(pool_->payload(ids_[at.page]), at.slot, 1, key, 0, value.data(), 0) >= 0) {
    throw InputError(
        fmt::format("[cache] expected a key that the page form can hold, got one beyond it; check "
                    "the model"));
  }
}

void HeadSlots::load_all(float* keys, float* values) const {
  const auto width = static_cast<size_t>(pool_->form().head_dim());
  std::vector<float> page_keys(keys != nullptr ? kPageSlots * width : 0);
  std::vector<float> page_values(values != nullptr ? kPageSlots * width : 0);
  size_t loaded = views_.size(), live = 0;
  for_each_live([&](size_t page, int slot) {
    if (page != loaded) {
      pool_->form().load_page(views_[page].payload, keys != nullptr ? page_keys.data() : nullptr,
                              values != nullptr ? page_values.data() : nullptr);
      loaded = page;
    }
    if (keys != nullptr) std::copy_n(page_keys.data() + slot * width, width, keys + live * width);
    if (values != nullptr) std::copy_n(page_values.data() + slot * width, width, values + live * width);
    ++live;
  });
}

}  // namespace kvcompress
