// Work on the pool that may throw.
#pragma once

#include <exception>  // std::exception_ptr
#include <mutex>      // std::mutex

#include "compute/thread_pool.h"  // ThreadPool

namespace kvcompress {

// Runs f(item) for every item on the pool; the first exception of any of them comes out here.
template <typename F>
void parallel_checked(ThreadPool& pool, int64_t items, F&& f) {
  std::mutex mutex;
  std::exception_ptr failure;
  pool.parallel_for(items, [&](int64_t item, int) {
    try {
      f(item);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

}  // namespace kvcompress
