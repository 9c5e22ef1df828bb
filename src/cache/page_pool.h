// The allocator of pages of one form, and the only source of memory figures. Pages are cut from slabs; a slab
// whose pages are all free goes back to the operating system. Freed pages are poisoned in debug builds.
#pragma once

#include <cstddef>  // size_t, std::byte
#include <cstdint>  // uint32_t
#include <memory>   // std::unique_ptr
#include <mutex>    // std::mutex
#include <set>      // std::set
#include <span>     // std::span
#include <vector>   // std::vector

#include "cache/slab.h"       // Slab, SlabTable
#include "codec/page_form.h"  // PageForm

namespace kvcompress {

// Where a page lives. One tier and one shard so far; a page carries it so that tiers and shards need no new
// layout.
struct PageHome {
  uint16_t tier = 0;
  uint16_t shard = 0;
};

// Optional statistics of a page's live keys: per channel minimum, maximum and mean [head_dim], and the mean
// of the keys' Euclidean norms. Counted in the page's bytes when the pool is made with summaries.
struct PageSummary {
  const float* minimum;
  const float* maximum;
  const float* mean;
  float mean_norm;
};

struct PoolOptions {
  bool bias = false;       // pages carry an additive attention bias per slot
  bool scores = false;     // pages carry a score per slot
  bool summaries = false;  // pages carry a PageSummary
  size_t limit_bytes =
      0;  // the most the pool may hold; 0: no limit. allocate() throws CapacityError beyond it
};

struct PoolUsage {
  size_t bytes = 0;         // pages held now, with all their per-slot fields and headers
  size_t peak_bytes = 0;    // the most held at any moment since the last reset_peak()
  size_t pages = 0;         // held now
  size_t mapped_bytes = 0;  // slabs taken from the operating system, free pages and rounding included
};

using PageId = uint32_t;

// Every member may be called from any thread; what a page holds is its owners' business: a page with one
// owner may be written by it, a shared page by nobody.
class PagePool {
 public:
  PagePool(std::unique_ptr<PageForm> form, PoolOptions options);
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  const PageForm& form() const { return *form_; }
  const PoolOptions& options() const { return options_; }
  // Bytes that one page counts for: payload, positions, pins, optional fields and header.
  size_t page_bytes() const { return layout_.page_bytes; }

  PageId allocate();              // 1 owner, payload zero, positions all kNoToken, no pins, bias and scores 0
  PageId duplicate(PageId page);  // a new page with 1 owner and all that `page` holds
  void retain(PageId page);       // one more owner (fork)
  void release(
      PageId page);  // one owner less; freed with the last. Throws std::logic_error for a page that is free
  bool shared(PageId page) const;

  std::byte* payload(PageId page) { return address(page); }
  int32_t* positions(PageId page) {
    return reinterpret_cast<int32_t*>(address(page) + layout_.positions);
  }                             // [slots]
  uint64_t& pins(PageId page);  // bit s: slot s is never evicted
  float* bias(PageId page);     // [kPageSlots] or nullptr
  bool& biased(PageId page);    // whether any bias of the page may be other than 0
  float* scores(PageId page);   // [kPageSlots] or nullptr
  PageHome& home(PageId page);

  bool has_summary(PageId page) const;
  PageSummary summary(PageId page) const;  // only when has_summary()
  // Of a page that may be shared: the first of several equal summaries stays.
  void set_summary(PageId page, const PageSummary& summary);
  void forget_summary(PageId page);  // its keys have changed

  PoolUsage usage() const;
  void reset_peak();

 private:
  struct Header;

  // Distances from a page's begin, in bytes; 0 for a field that pages do not have.
  struct Layout {
    size_t positions = 0, bias = 0, scores = 0, summary = 0, header = 0;
    size_t page_bytes = 0;
    Layout(const PageForm& form, const PoolOptions& options);
  };

  std::byte* address(PageId page) const {
    return slabs_.base(page >> slab_shift_) + (page & ((PageId{1} << slab_shift_) - 1)) * layout_.page_bytes;
  }
  Header& header(PageId page) const;
  PageId take_page();           // with mutex_ held
  uint32_t take_slab();         // with mutex_ held: the lowest slab that has a free page
  void free_page(PageId page);  // with mutex_ held
  bool is_allocated(PageId page) const;

  const std::unique_ptr<PageForm> form_;
  const PoolOptions options_;
  const Layout layout_;
  const size_t pages_per_slab_;
  const uint32_t slab_shift_;  // a page's id is its slab << slab_shift_ | its place there
  mutable std::mutex mutex_;
  SlabTable slabs_;
  std::set<uint32_t> open_slabs_;      // mapped, with a free page
  std::set<uint32_t> unmapped_slabs_;  // below slabs_.size(), given back
  PoolUsage usage_;
};

}  // namespace kvcompress
