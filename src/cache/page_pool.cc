#include "cache/page_pool.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::fill_n
#include <array>      // std::array
#include <atomic>
#include <cstring>    // std::memcpy, std::memset
#include <limits>     // std::numeric_limits
#include <new>        // placement new
#include <stdexcept>  // std::logic_error

#include "cache/page_view.h"  // kNoToken

namespace kvcompress {
namespace {

#ifdef NDEBUG
constexpr bool kPoison = false;
#else
constexpr bool kPoison = true;
#endif

constexpr size_t kAlignment = 64;  // of pages, so that no vector of a payload straddles cache lines

constexpr size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

constexpr uint32_t kNoBlock = std::numeric_limits<uint32_t>::max();

constexpr std::array<int32_t, kPageSlots> kNoTokens = [] {
  std::array<int32_t, kPageSlots> positions{};
  positions.fill(kNoToken);
  return positions;
}();

}  // namespace

struct PagePool::Header {
  uint64_t pins = 0;
  // Where they are shared: in a block, in a run, or kNoTokens.
  const int32_t* positions = kNoTokens.data();
  uint32_t positions_block = kNoBlock;
  std::atomic<uint32_t> owners = 1;
  PageHome home;
  std::atomic<bool> summarised = false;
  bool biased = false;
  bool dirty = true;  // was in use before, so its bytes are not the zeros of a fresh slab

  void copy_state(const Header& other) {
    pins = other.pins;
    home = other.home;
    biased = other.biased;
    summarised = other.summarised.load();
  }
};

PagePool::Layout::Layout(size_t payload_bytes, int head_dim, const PoolOptions& options,
                         bool with_positions) {
  size_t end = payload_bytes;
  const auto place = [&end](bool present, size_t bytes) {
    const size_t begin = end;
    if (present) end += bytes;
    return present ? begin : 0;
  };
  positions = place(with_positions, sizeof(int32_t) * kPageSlots);
  bias = place(options.bias, sizeof(float) * kPageSlots);
  scores = place(options.scores, sizeof(float) * kPageSlots);
  header = place(true, sizeof(Header));
  // The mean norm, then minimum, maximum and mean of the channels.
  summary = place(options.summaries, sizeof(float) * (1 + 3 * static_cast<size_t>(head_dim)));
  page_bytes = round_up(end, kAlignment);
}

PagePool::PagePool(size_t payload_bytes, int head_dim, PoolOptions options, CacheMemory* memory,
                   PositionStore* shared_positions)
    : payload_bytes_(payload_bytes),
      head_dim_(head_dim),
      options_(options),
      layout_(payload_bytes, head_dim, options, shared_positions == nullptr),
      memory_(memory),
      shared_positions_(shared_positions),
      pages_(layout_.page_bytes, memory) {}

PagePool::~PagePool() { memory_->give_back(pages_.count() * layout_.page_bytes, pages_.count()); }

PagePool::Header& PagePool::header(PageId page) const {
  return *std::launder(reinterpret_cast<Header*>(address(page) + layout_.header));
}

PageId PagePool::take_page() {
  const std::scoped_lock lock(mutex_);
  memory_->take(layout_.page_bytes, 1);
  try {
    return pages_.take();
  } catch (...) {
    memory_->give_back(layout_.page_bytes, 1);
    throw;
  }
}

PageId PagePool::allocate() {
  const PageId page = take_page();
  // A fresh page is all zeros, hence not dirty.
  if (header(page).dirty) std::memset(payload(page), 0, payload_bytes_);
  if (options_.bias) std::fill_n(bias(page), kPageSlots, 0.0f);
  if (options_.scores) std::fill_n(scores(page), kPageSlots, 0.0f);
  new (address(page) + layout_.header) Header();
  if (shared_positions_ == nullptr) std::fill_n(own_positions(page), kPageSlots, kNoToken);
  return page;
}

PageId PagePool::duplicate(PageId page) {
  const PageId copy = take_page();
  new (address(copy) + layout_.header) Header();
  if (shared_positions_ != nullptr) copy_positions(copy, page);
  header(copy).copy_state(header(page));
  std::memcpy(address(copy), address(page), layout_.header);
  if (has_summary(copy)) {
    std::memcpy(address(copy) + layout_.summary, address(page) + layout_.summary,
                layout_.page_bytes - layout_.summary);
  }
  return copy;
}

void PagePool::retain(PageId page) {
  const std::scoped_lock lock(mutex_);
  if (!pages_.taken(page))
    throw std::logic_error(fmt::format("[cache] page {} retained after it was freed", page));
  header(page).owners.fetch_add(1, std::memory_order_relaxed);
}

void PagePool::release(PageId page) {
  const std::scoped_lock lock(mutex_);
  if (!pages_.taken(page))
    throw std::logic_error(fmt::format("[cache] page {} released after it was freed", page));
  // What this owner read happens before what the last one writes.
  if (header(page).owners.fetch_sub(1, std::memory_order_acq_rel) == 1) free_page(page);
}

void PagePool::free_page(PageId page) {
  if (shared_positions_ != nullptr) give_back_positions(page);
  if (kPoison) {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    std::memset(payload(page), 0xFF, payload_bytes_);  // f16 and float32 NaN
    if (shared_positions_ == nullptr) std::fill_n(own_positions(page), kPageSlots, kNoToken);
    if (options_.bias) std::fill_n(bias(page), kPageSlots, kNan);
    if (options_.scores) std::fill_n(scores(page), kPageSlots, kNan);
  }
  pages_.give_back(page);
  memory_->give_back(layout_.page_bytes, 1);
}

bool PagePool::shared(PageId page) const { return header(page).owners.load(std::memory_order_acquire) > 1; }

size_t PagePool::bytes_of(PageId page) const {
  const bool block = shared_positions_ != nullptr && header(page).positions_block != kNoBlock;
  return layout_.page_bytes + (block ? PositionStore::kBlockBytes : 0);
}

const int32_t* PagePool::positions(PageId page) const {
  if (shared_positions_ != nullptr) return header(page).positions;
  return reinterpret_cast<const int32_t*>(address(page) + layout_.positions);
}

int32_t* PagePool::own_positions(PageId page) {
  if (shared_positions_ == nullptr) return reinterpret_cast<int32_t*>(address(page) + layout_.positions);
  Header& of_page = header(page);
  if (of_page.positions_block == kNoBlock) {
    const uint32_t block = shared_positions_->take_block();
    int32_t* const positions = shared_positions_->block(block);
    std::memcpy(positions, of_page.positions, sizeof(int32_t) * kPageSlots);
    give_back_positions(page);
    of_page.positions_block = block;
    of_page.positions = positions;
  }
  return shared_positions_->block(of_page.positions_block);
}

void PagePool::share_positions(PageId page) {
  if (shared_positions_ == nullptr || header(page).positions_block == kNoBlock) return;
  const int32_t* const own = header(page).positions;
  for (int slot = 0; slot < kPageSlots; ++slot) {
    if (own[slot] == kNoToken || own[slot] != own[0] + slot) return;
  }
  const int32_t* run;
  try {
    run = shared_positions_->take_run(own[0]);
  } catch (const CapacityError&) {
    return;  // nothing is lost but room: the page keeps its block
  }
  give_back_positions(page);
  header(page).positions = run;
}

void PagePool::give_back_positions(PageId page) {
  Header& of_page = header(page);
  if (of_page.positions_block != kNoBlock) {
    shared_positions_->give_back_block(of_page.positions_block);
  } else if (of_page.positions != kNoTokens.data()) {
    shared_positions_->give_back_run(of_page.positions[0]);
  }
  of_page.positions_block = kNoBlock;
  of_page.positions = kNoTokens.data();
}

void PagePool::copy_positions(PageId to, PageId from) {
  const Header& source = header(from);
  try {
    if (source.positions_block != kNoBlock) {
      std::memcpy(own_positions(to), source.positions, sizeof(int32_t) * kPageSlots);
    } else if (source.positions != kNoTokens.data()) {
      header(to).positions = shared_positions_->take_run(source.positions[0]);
    }
  } catch (...) {
    release(to);
    throw;
  }
}

uint64_t& PagePool::pins(PageId page) { return header(page).pins; }

float* PagePool::bias(PageId page) {
  return options_.bias ? reinterpret_cast<float*>(address(page) + layout_.bias) : nullptr;
}

bool& PagePool::biased(PageId page) { return header(page).biased; }

float* PagePool::scores(PageId page) {
  return options_.scores ? reinterpret_cast<float*>(address(page) + layout_.scores) : nullptr;
}

PageHome& PagePool::home(PageId page) { return header(page).home; }

bool PagePool::has_summary(PageId page) const {
  return header(page).summarised.load(std::memory_order_acquire);
}

PageSummary PagePool::summary(PageId page) const {
  const auto* floats = reinterpret_cast<const float*>(address(page) + layout_.summary);
  const int channels = head_dim_;
  return {floats + 1, floats + 1 + channels, floats + 1 + 2 * channels, floats[0]};
}

void PagePool::set_summary(PageId page, const PageSummary& summary) {
  if (!options_.summaries) throw std::logic_error("[cache] this pool was made without summaries");
  const std::scoped_lock lock(mutex_);
  if (has_summary(page)) return;
  auto* floats = reinterpret_cast<float*>(address(page) + layout_.summary);
  const size_t channels = static_cast<size_t>(head_dim_);
  floats[0] = summary.mean_norm;
  std::memcpy(floats + 1, summary.minimum, sizeof(float) * channels);
  std::memcpy(floats + 1 + channels, summary.maximum, sizeof(float) * channels);
  std::memcpy(floats + 1 + 2 * channels, summary.mean, sizeof(float) * channels);
  header(page).summarised.store(true, std::memory_order_release);
}

void PagePool::forget_summary(PageId page) {
  header(page).summarised.store(false, std::memory_order_release);
}

}  // namespace kvcompress
