#include "compute/thread_pool.h"

#include <algorithm>  // std::clamp, std::min
#include <atomic>     // std::atomic
#include <chrono>     // std::chrono::steady_clock
#include <limits>     // std::numeric_limits
#include <string>     // std::to_string
#include <thread>     // std::thread
#include <vector>     // std::vector

#include "compute/late_governor.h"  // LateGovernor
#include "kvcompress/error.h"       // UsageError

namespace kvcompress {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kHelperSpinNs = 40'000;     // covers the serial part between two regions of a decode step
constexpr int64_t kCallerSpinMinNs = 30'000;  // a futex wake costs about as much as this
constexpr int64_t kCallerSpinMaxNs = 100'000;
// A region run alone takes the helpers after all once it has run so long and has so much work left.
constexpr int64_t kOpenAfterNs = 1'000'000;
constexpr int64_t kOpenForNs = 500'000;
constexpr int64_t kMaxRegionItems = int64_t{1} << 31;

int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits until ready() for at most `ns`; says whether it became ready.
template <typename Ready>
bool spin(int64_t ns, Ready ready) {
  const int64_t end = now_ns() + ns;
  do {
    for (int i = 0; i < 16; ++i) {
      if (ready()) return true;
      pause_briefly();
    }
  } while (now_ns() < end);
  return ready();
}

// The claim word is (epoch << 32 | items not yet claimed). The epoch never repeats within a helper's sight,
// so a helper that read the word long ago cannot claim from a later region: its exchange fails.
constexpr uint64_t kRemaining = 0xffffffffu;
bool open(uint64_t claim) { return (claim & kRemaining) != 0; }

}  // namespace

// The description of the region (function to items) changes only while no item is unclaimed or unfinished. A
// helper reads it between loading an open claim word and exchanging that very word, so a successful exchange
// proves that what it read belongs to the region.
struct ThreadPool::State {
  alignas(64) std::atomic<uint64_t> claim{0};
  alignas(64) std::atomic<Function> function{nullptr};
  std::atomic<void*> context{nullptr};
  std::atomic<int64_t> base{0};   // the item that the region's first claim stands for
  std::atomic<int64_t> items{0};  // of this region
  alignas(64) std::atomic<uint32_t> finished{0};
  std::atomic<bool> caller_sleeps{false};
  alignas(64) std::atomic<uint32_t> signal{0};  // what sleeping helpers wait on
  std::atomic<int> sleepers{0};                 // went to sleep since the last signal, or more
  std::atomic<bool> stop{false};
  std::vector<std::thread> helpers;
  LateGovernor governor;

  void help(int worker);
  uint32_t work(int worker);
  void sleep_until_open();
  void publish(int64_t first, int64_t count, Function f, void* c);
  void await(uint32_t count, int64_t item_ns);
  void run_parallel(int64_t first, int64_t count, Function f, void* c);
  int64_t run_alone(int64_t items, Function f, void* c);
};

// Claims and does items until none is left; returns how many it did.
uint32_t ThreadPool::State::work(int worker) {
  uint32_t done = 0;
  uint64_t word = claim.load(std::memory_order_acquire);
  while (open(word)) {
    const Function f = function.load(std::memory_order_relaxed);
    void* const c = context.load(std::memory_order_relaxed);
    const int64_t end = base.load(std::memory_order_relaxed) + items.load(std::memory_order_relaxed);
    if (!claim.compare_exchange_weak(word, word - 1, std::memory_order_acq_rel, std::memory_order_acquire))
      continue;
    f(c, end - static_cast<int64_t>(word & kRemaining), worker);
    ++done;
    word = claim.load(std::memory_order_acquire);
  }
  return done;
}

void ThreadPool::State::sleep_until_open() {
  const uint32_t seen = signal.load();
  sleepers.fetch_add(1);
  // Between this increment and the caller's look at `sleepers` one of the two sees the other.
  if (!open(claim.load()) && !stop.load()) signal.wait(seen);
}

void ThreadPool::State::help(int worker) {
  while (!stop.load(std::memory_order_relaxed)) {
    const bool found = spin(kHelperSpinNs, [this] {
      return open(claim.load(std::memory_order_relaxed)) || stop.load(std::memory_order_relaxed);
    });
    if (!found) {
      sleep_until_open();
      continue;
    }
    const uint32_t done = work(worker);
    if (done == 0) continue;
    finished.fetch_add(done);
    if (caller_sleeps.load()) finished.notify_one();
  }
}

void ThreadPool::State::publish(int64_t first, int64_t count, Function f, void* c) {
  function.store(f, std::memory_order_relaxed);
  context.store(c, std::memory_order_relaxed);
  base.store(first, std::memory_order_relaxed);
  items.store(count, std::memory_order_relaxed);
  finished.store(0, std::memory_order_relaxed);
  const uint64_t epoch = (claim.load(std::memory_order_relaxed) >> 32) + 1;
  claim.store(epoch << 32 | static_cast<uint64_t>(count));
  // Taken back to 0 by the caller, so that a helper which was woken but has no core yet is not woken again by
  // every region until it has.
  if (sleepers.load() > 0) {
    sleepers.store(0);
    signal.fetch_add(1);
    signal.notify_all();
  }
}

// Waits until helpers finished `count` items. Spins about as long as an item takes, then sleeps.
void ThreadPool::State::await(uint32_t count, int64_t item_ns) {
  const auto all_done = [&] { return finished.load(std::memory_order_acquire) == count; };
  if (all_done() || spin(std::clamp(item_ns, kCallerSpinMinNs, kCallerSpinMaxNs), all_done)) return;
  caller_sleeps.store(true);
  for (uint32_t seen = finished.load(); seen != count; seen = finished.load()) finished.wait(seen);
  caller_sleeps.store(false);
}

void ThreadPool::State::run_parallel(int64_t first, int64_t count, Function f, void* c) {
  const int64_t start = now_ns();
  publish(first, count, f, c);
  const uint32_t own = work(0);
  const int64_t worked = now_ns();
  const int64_t item_ns = own > 0 ? (worked - start) / own : 0;
  if (own < count) await(static_cast<uint32_t>(count) - own, item_ns);
  const int64_t end = now_ns();
  if (own > 0) governor.record(end, end - worked, item_ns);
}

// Runs items on the caller. Stops when the region proves long, since then a late helper costs its share only;
// returns the first item not done. What is left is judged by the shortest item, which no neighbour stretched.
int64_t ThreadPool::State::run_alone(int64_t items, Function f, void* c) {
  const int64_t start = now_ns();
  int64_t before = start, shortest = std::numeric_limits<int64_t>::max();
  for (int64_t item = 0; item < items; ++item) {
    f(c, item, 0);
    const int64_t now = now_ns();
    shortest = std::min(shortest, now - before);
    before = now;
    const int64_t left = items - item - 1;
    if (left > 1 && now - start > kOpenAfterNs && shortest > kOpenForNs / left) return item + 1;
  }
  return items;
}

ThreadPool::ThreadPool(int threads) : size_(threads) {
  if (threads < 1) {
    throw UsageError("[threads] expected 1 or more got " + std::to_string(threads) +
                     "; pass -t with 1 or more");
  }
  state_ = std::make_unique<State>();
  state_->helpers.reserve(threads - 1);
  for (int worker = 1; worker < threads; ++worker) {
    state_->helpers.emplace_back([state = state_.get(), worker] { state->help(worker); });
  }
}

ThreadPool::~ThreadPool() {
  state_->stop.store(true);
  state_->signal.fetch_add(1);
  state_->signal.notify_all();
  for (std::thread& helper : state_->helpers) helper.join();
}

void ThreadPool::run(int64_t items, Function function, void* context) {
  if (size_ == 1 || items == 1) {
    for (int64_t item = 0; item < items; ++item) function(context, item, 0);
    return;
  }
  int64_t first = 0;
  if (items > 0 && state_->governor.alone(now_ns())) first = state_->run_alone(items, function, context);
  while (first < items) {
    const int64_t count = std::min(items - first, kMaxRegionItems);
    state_->run_parallel(first, count, function, context);
    first += count;
  }
}

int64_t ThreadPool::late_regions() const { return state_->governor.late_regions(); }

}  // namespace kvcompress
