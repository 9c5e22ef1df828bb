// The allocator of pages of one size. What the numbers in them mean is a form's business; exact and packed
// pages of other sizes come from pools of their own, which count into one CacheMemory. Freed pages are
// poisoned in debug builds.
#pragma once

#include <cstddef>  // size_t, std::byte
#include <cstdint>  // uint32_t
#include <mutex>    // std::mutex

#include "cache/block_store.h"     // BlockStore
#include "cache/cache_memory.h"    // CacheMemory
#include "cache/position_store.h"  // PositionStore

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
  bool operator==(const PoolOptions&) const = default;
};

using PageId = uint32_t;

// Every member may be called from any thread; what a page holds is its owners' business: a page with one
// owner may be written by it, a shared page by nobody.
class PagePool {
 public:
  // payload_bytes: of keys and values, a multiple of 64. With shared positions, a page has no memory of its
  // own for them.
  PagePool(size_t payload_bytes, int head_dim, PoolOptions options, CacheMemory* memory,
           PositionStore* shared_positions = nullptr);
  ~PagePool();
  PagePool(const PagePool&) = delete;
  PagePool& operator=(const PagePool&) = delete;

  int head_dim() const { return head_dim_; }
  const PoolOptions& options() const { return options_; }
  CacheMemory& memory() const { return *memory_; }
  // Bytes that every page counts for: payload, positions (shared ones aside), pins, optional fields and
  // header.
  size_t page_bytes() const { return layout_.page_bytes; }
  // The same of one page, with its block of a position store.
  size_t bytes_of(PageId page) const;

  // Both throw CapacityError beyond the memory's limit.
  PageId allocate();              // 1 owner, payload zero, positions all kNoToken, no pins, bias and scores 0
  PageId duplicate(PageId page);  // a new page with 1 owner and all that `page` holds
  void retain(PageId page);       // one more owner (fork)
  void release(
      PageId page);  // one owner less; freed with the last. Throws std::logic_error for a page that is free
  bool shared(PageId page) const;

  std::byte* payload(PageId page) { return pages_.address(page); }
  const int32_t* positions(PageId page) const;  // [kPageSlots]
  // The same to be written, at a new address where they were shared until now: CapacityError is possible.
  int32_t* own_positions(PageId page);
  // After writing: positions that are one run with no hole are shared again, and their address changes.
  void share_positions(PageId page);
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

 private:
  struct Header;

  // Distances from a page's begin, in bytes; 0 for a field that pages do not have.
  struct Layout {
    size_t positions = 0, bias = 0, scores = 0, summary = 0, header = 0;
    size_t page_bytes = 0;
    Layout(size_t payload_bytes, int head_dim, const PoolOptions& options, bool positions);
  };

  std::byte* address(PageId page) const { return pages_.address(page); }
  Header& header(PageId page) const;
  PageId take_page();
  void free_page(PageId page);            // with mutex_ held
  void give_back_positions(PageId page);  // those outside of the page
  void copy_positions(PageId to, PageId from);

  const size_t payload_bytes_;
  const int head_dim_;
  const PoolOptions options_;
  const Layout layout_;
  CacheMemory* const memory_;
  PositionStore* const shared_positions_;  // nullptr: positions lie in the pages
  mutable std::mutex mutex_;
  BlockStore pages_;
};

}  // namespace kvcompress
