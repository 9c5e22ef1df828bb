// What all pools of a cache hold together: one limit, one peak (of the sum, not a sum of peaks), and the only
// source of memory figures.
#pragma once

#include <cstddef>  // size_t
#include <mutex>    // std::mutex

namespace kvcompress {

struct MemoryUsage {
  size_t bytes = 0;         // pages held now, with all their per-slot fields and headers
  size_t peak_bytes = 0;    // the most held at any moment since the last reset_peak()
  size_t pages = 0;         // held now
  size_t mapped_bytes = 0;  // slabs taken from the operating system, free pages and rounding included
};

// Every member may be called from any thread. Outlives the pools that count into it.
class CacheMemory {
 public:
  // limit_bytes: the most that may be held; 0: no limit.
  explicit CacheMemory(size_t limit_bytes = 0) : limit_bytes_(limit_bytes) {}
  CacheMemory(const CacheMemory&) = delete;
  CacheMemory& operator=(const CacheMemory&) = delete;

  size_t limit_bytes() const { return limit_bytes_; }
  MemoryUsage usage() const;
  void reset_peak();

  // For pools. Throws CapacityError, and counts nothing, beyond the limit.
  void take(size_t bytes, size_t pages);
  void give_back(size_t bytes, size_t pages);
  void map(size_t bytes);
  void unmap(size_t bytes);

 private:
  const size_t limit_bytes_;
  mutable std::mutex mutex_;
  MemoryUsage usage_;
};

}  // namespace kvcompress
