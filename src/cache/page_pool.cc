#include "cache/page_pool.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::max, std::fill_n
#include <atomic>
#include <bit>        // std::bit_width
#include <cstring>    // std::memcpy, std::memset
#include <limits>     // std::numeric_limits
#include <new>        // placement new
#include <stdexcept>  // std::logic_error

#include "base/text.h"        // format_bytes
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

}  // namespace

struct PagePool::Header {
  uint64_t pins = 0;
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

PagePool::Layout::Layout(const PageForm& form, const PoolOptions& options) {
  size_t end = form.payload_bytes();
  const auto place = [&end](bool present, size_t bytes) {
    const size_t begin = end;
    if (present) end += bytes;
    return present ? begin : 0;
  };
  positions = place(true, sizeof(int32_t) * kPageSlots);
  bias = place(options.bias, sizeof(float) * kPageSlots);
  scores = place(options.scores, sizeof(float) * kPageSlots);
  header = place(true, sizeof(Header));
  // The mean norm, then minimum, maximum and mean of the channels.
  summary = place(options.summaries, sizeof(float) * (1 + 3 * static_cast<size_t>(form.head_dim())));
  page_bytes = round_up(end, kAlignment);
}

PagePool::PagePool(std::unique_ptr<PageForm> form, PoolOptions options)
    : form_(std::move(form)),
      options_(options),
      layout_(*form_, options_),
      pages_per_slab_(std::max<size_t>(1, kSlabBytes / layout_.page_bytes)),
      slab_shift_(static_cast<uint32_t>(std::bit_width(pages_per_slab_ - 1))) {}

PagePool::~PagePool() = default;

PagePool::Header& PagePool::header(PageId page) const {
  return *std::launder(reinterpret_cast<Header*>(address(page) + layout_.header));
}

uint32_t PagePool::take_slab() {
  if (!open_slabs_.empty()) return *open_slabs_.begin();
  const uint32_t slab =
      unmapped_slabs_.empty() ? static_cast<uint32_t>(slabs_.size()) : *unmapped_slabs_.begin();
  const size_t bytes = round_up(pages_per_slab_ * layout_.page_bytes, kSlabBytes);
  slabs_.map(slab, bytes, pages_per_slab_);
  usage_.mapped_bytes += bytes;
  unmapped_slabs_.erase(slab);
  open_slabs_.insert(slab);
  return slab;
}

PageId PagePool::take_page() {
  if (options_.limit_bytes != 0 && usage_.bytes + layout_.page_bytes > options_.limit_bytes) {
    throw CapacityError(
        fmt::format("[cache] expected to stay within {}, got {} held and one more page asked for; "
                    "use a smaller budget or a larger cache limit",
                    format_bytes(options_.limit_bytes), format_bytes(usage_.bytes)));
  }
  const uint32_t slab = take_slab();
  const uint32_t place = slabs_[slab].take_lowest();
  if (slabs_[slab].free_pages() == 0) open_slabs_.erase(slab);
  usage_.bytes += layout_.page_bytes;
  usage_.peak_bytes = std::max(usage_.peak_bytes, usage_.bytes);
  ++usage_.pages;
  return slab << slab_shift_ | place;
}

PageId PagePool::allocate() {
  PageId page;
  {
    const std::scoped_lock lock(mutex_);
    page = take_page();
  }
  // A fresh page is all zeros, hence not dirty.
  if (header(page).dirty) std::memset(payload(page), 0, form_->payload_bytes());
  std::fill_n(positions(page), kPageSlots, kNoToken);
  if (options_.bias) std::fill_n(bias(page), kPageSlots, 0.0f);
  if (options_.scores) std::fill_n(scores(page), kPageSlots, 0.0f);
  new (address(page) + layout_.header) Header();
  return page;
}

PageId PagePool::duplicate(PageId page) {
  PageId copy;
  {
    const std::scoped_lock lock(mutex_);
    copy = take_page();
  }
  new (address(copy) + layout_.header) Header();
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
  if (!is_allocated(page))
    throw std::logic_error(fmt::format("[cache] page {} retained after it was freed", page));
  header(page).owners.fetch_add(1, std::memory_order_relaxed);
}

void PagePool::release(PageId page) {
  const std::scoped_lock lock(mutex_);
  if (!is_allocated(page))
    throw std::logic_error(fmt::format("[cache] page {} released after it was freed", page));
  // What this owner read happens before what the last one writes.
  if (header(page).owners.fetch_sub(1, std::memory_order_acq_rel) == 1) free_page(page);
}

void PagePool::free_page(PageId page) {
  if (kPoison) {
    constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
    std::memset(payload(page), 0xFF, form_->payload_bytes());  // f16 and float32 NaN
    std::fill_n(positions(page), kPageSlots, kNoToken);
    if (options_.bias) std::fill_n(bias(page), kPageSlots, kNan);
    if (options_.scores) std::fill_n(scores(page), kPageSlots, kNan);
  }
  const uint32_t slab = page >> slab_shift_;
  slabs_[slab].give_back(page & ((PageId{1} << slab_shift_) - 1));
  usage_.bytes -= layout_.page_bytes;
  --usage_.pages;
  if (slabs_[slab].free_pages() < pages_per_slab_) {
    open_slabs_.insert(slab);
    return;
  }
  usage_.mapped_bytes -= slabs_[slab].mapping().bytes();
  slabs_.unmap(slab);
  open_slabs_.erase(slab);
  unmapped_slabs_.insert(slab);
}

bool PagePool::is_allocated(PageId page) const {
  const uint32_t slab = page >> slab_shift_;
  return slab < slabs_.size() && slabs_[slab].mapped() &&
         slabs_[slab].taken(page & ((PageId{1} << slab_shift_) - 1));
}

bool PagePool::shared(PageId page) const { return header(page).owners.load(std::memory_order_acquire) > 1; }

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
  const int channels = form_->head_dim();
  return {floats + 1, floats + 1 + channels, floats + 1 + 2 * channels, floats[0]};
}

void PagePool::set_summary(PageId page, const PageSummary& summary) {
  if (!options_.summaries) throw std::logic_error("[cache] this pool was made without summaries");
  const std::scoped_lock lock(mutex_);
  if (has_summary(page)) return;
  auto* floats = reinterpret_cast<float*>(address(page) + layout_.summary);
  const size_t channels = static_cast<size_t>(form_->head_dim());
  floats[0] = summary.mean_norm;
  std::memcpy(floats + 1, summary.minimum, sizeof(float) * channels);
  std::memcpy(floats + 1 + channels, summary.maximum, sizeof(float) * channels);
  std::memcpy(floats + 1 + 2 * channels, summary.mean, sizeof(float) * channels);
  header(page).summarised.store(true, std::memory_order_release);
}

void PagePool::forget_summary(PageId page) {
  header(page).summarised.store(false, std::memory_order_release);
}

PoolUsage PagePool::usage() const {
  const std::scoped_lock lock(mutex_);
  return usage_;
}

void PagePool::reset_peak() {
  const std::scoped_lock lock(mutex_);
  usage_.peak_bytes = usage_.bytes;
}

}  // namespace kvcompress
