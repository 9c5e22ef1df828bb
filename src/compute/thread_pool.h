// One pool of threads for everything that computes (dense math and attention), made to share a machine:
// helpers spin for some microseconds after a region, then sleep; work is claimed item by item, so that a late
// thread costs its share and no more; and when helpers keep being late (a busy neighbour holds their core),
// regions run on the calling thread alone for a while.
#pragma once

#include <cstdint>      // int64_t
#include <memory>       // std::unique_ptr
#include <type_traits>  // std::remove_reference_t

namespace kvcompress {

class ThreadPool {
 public:
  // threads >= 1 counts the caller: ThreadPool(1) starts no thread.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return size_; }

  // Calls task(item, worker) once for each item in [0, items), worker in [0, size()), and returns when all
  // are done. Items are claimed in ascending order by whichever worker is free. Not reentrant: a task must
  // not call this. A task must not throw.
  template <typename Task>
  void parallel_for(int64_t items, Task&& task) {
    using T = std::remove_reference_t<Task>;
    run(
        items, [](void* context, int64_t item, int worker) { (*static_cast<T*>(context))(item, worker); },
        const_cast<void*>(static_cast<const void*>(&task)));
  }

  // How often a helper was so late that the pool went on alone (see the class comment); for `-v` and tests.
  int64_t late_regions() const;

 private:
  using Function = void (*)(void* context, int64_t item, int worker);
  void run(int64_t items, Function function, void* context);

  struct State;
  int size_;
  std::unique_ptr<State> state_;
};

}  // namespace kvcompress
