// The allocator of pages of one form, and the only source of memory figures. Pages are cut from slabs; a slab whose
// pages are all free goes back to the operating system. Freed pages are poisoned in debug builds.
#pragma once

#include <cstddef>  // size_t, std::byte
#include <cstdint>  // uint32_t
#include <memory>   // std::unique_ptr
#include <mutex>    // std::mutex
#include <vector>   // std::vector

#include "codec/page_form.h"  // PageForm

namespace kvcompress {

// Where a page lives. One tier and one shard so far; a page carries it so that tiers and shards need no new layout.
struct PageHome {
  uint16_t tier = 0;
  uint16_t shard = 0;
};

// Optional statistics of a page's live keys: per channel minimum, maximum and mean [3][head_dim], and the mean norm.
// Counted in the page's bytes when the pool is made with summaries.
struct PageSummary {
  float* minimum;
  float* maximum;
  float* mean;
  float* mean_norm;
};

struct PoolOptions {
  bool bias = false;       // pages carry an additive attention bias per slot
  bool scores = false;     // pages carry a score per slot
  bool summaries = false;  // pages carry a PageSummary
  size_t limit_bytes = 0;  // the most the pool may hold; 0: no limit. allocate() throws CapacityError beyond it
};

struct PoolUsage {
  size_t bytes = 0;       // pages held now, with all their per-slot fields and headers
  size_t peak_bytes = 0;  // the most held at any moment since the last reset_peak()
  size_t pages = 0;
};

using PageId = uint32_t;

class PagePool {
 public:
  PagePool(std::unique_ptr<PageForm> form, PoolOptions options);
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  const PageForm& form() const { return *form_; }
  const PoolOptions& options() const { return options_; }
  // Bytes that one page counts for: payload, positions, pins, optional fields and header.
  size_t page_bytes() const { return page_bytes_; }

  PageId allocate();            // reference count 1, positions all kNoToken, pins none, bias 0
  void retain(PageId page);     // one more owner (fork)
  void release(PageId page);    // one owner less; freed with the last
  bool shared(PageId page) const;

  std::byte* payload(PageId page);
  int32_t* positions(PageId page);   // [kPageSlots]
  uint64_t& pins(PageId page);       // bit s: slot s is never evicted
  float* bias(PageId page);          // [kPageSlots] or nullptr
  float* scores(PageId page);        // [kPageSlots] or nullptr
  PageSummary summary(PageId page);  // null pointers without summaries
  PageHome& home(PageId page);

  PoolUsage usage() const;
  void reset_peak();

 private:
  struct Slab;
  struct Header;
  Header& header(PageId page) const;

  std::unique_ptr<PageForm> form_;
  PoolOptions options_;
  size_t page_bytes_ = 0;
  size_t pages_per_slab_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<Slab>> slabs_;
  PoolUsage usage_;
};

}  // namespace kvcompress
