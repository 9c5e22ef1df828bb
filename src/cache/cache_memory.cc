#include "cache/cache_memory.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::max

#include "base/text.h"  // format_bytes

namespace kvcompress {

MemoryUsage CacheMemory::usage() const {
  const std::scoped_lock lock(mutex_);
  return usage_;
}

void CacheMemory::reset_peak() {
  const std::scoped_lock lock(mutex_);
  usage_.peak_bytes = usage_.bytes;
}

void CacheMemory::take(size_t bytes, size_t pages) {
  const std::scoped_lock lock(mutex_);
  if (limit_bytes_ != 0 && usage_.bytes + bytes > limit_bytes_) {
    throw CapacityError(
        fmt::format("[cache] expected to stay within {}, got {} held and one more page asked for; "
                    "use a smaller budget or a larger cache limit",
                    format_bytes(limit_bytes_), format_bytes(usage_.bytes)));
  }
  usage_.bytes += bytes;
  usage_.peak_bytes = std::max(usage_.peak_bytes, usage_.bytes);
  usage_.pages += pages;
}

void CacheMemory::give_back(size_t bytes, size_t pages) {
  const std::scoped_lock lock(mutex_);
  usage_.bytes -= bytes;
  usage_.pages -= pages;
}

void CacheMemory::map(size_t bytes) {
  const std::scoped_lock lock(mutex_);
  usage_.mapped_bytes += bytes;
}

void CacheMemory::unmap(size_t bytes) {
  const std::scoped_lock lock(mutex_);
  usage_.mapped_bytes -= bytes;
}

}  // namespace kvcompress
