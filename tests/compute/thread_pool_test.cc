#include "compute/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>   // std::atomic
#include <chrono>   // std::chrono::milliseconds
#include <numeric>  // std::accumulate
#include <thread>   // std::this_thread
#include <vector>   // std::vector

#include "kvcompress/error.h"  // UsageError

namespace kvcompress {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

void busy_wait(microseconds duration) {
  const auto end = std::chrono::steady_clock::now() + duration;
  while (std::chrono::steady_clock::now() < end) {
  }
}

TEST(ThreadPool, DoesEveryItemOnce) {
  for (const int threads : {1, 2, 3, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const int64_t items : {0, 1, 2, 3, 7, 64, 1000, 100'000}) {
      std::vector<std::atomic<int>> done(items);
      std::atomic<int> wrong_worker{0};
      pool.parallel_for(items, [&](int64_t item, int worker) {
        done[item].fetch_add(1, std::memory_order_relaxed);
        if (worker < 0 || worker >= threads) ++wrong_worker;
      });
      for (int64_t i = 0; i < items; ++i) ASSERT_EQ(done[i].load(), 1) << "item " << i << " of " << items;
      EXPECT_EQ(wrong_worker.load(), 0);
    }
  }
}

// What a region wrote without atomics is there when it returns, and the next region sees it.
TEST(ThreadPool, OrdersRegions) {
  ThreadPool pool(3);
  std::vector<int64_t> values(50, 0);
  for (int round = 0; round < 20'000; ++round) {
    pool.parallel_for(static_cast<int64_t>(values.size()),
                      [&](int64_t item, int) { values[item] += item + 1; });
  }
  for (int64_t i = 0; i < 50; ++i) EXPECT_EQ(values[i], 20'000 * (i + 1));
}

// Regions of changing size and context follow each other at once and after pauses in which helpers fall
// asleep. Each region lives on the stack of its own round: a helper that came too late would write to a dead
// frame.
TEST(ThreadPool, LateHelpersNeverTouchAFinishedRegion) {
  ThreadPool pool(4);
  int64_t total = 0, expected = 0;
  for (int round = 0; round < 3000; ++round) {
    const int64_t items = 1 + round * 7 % 13;
    std::vector<int64_t> parts(items, -1);
    pool.parallel_for(items, [&parts, round](int64_t item, int) { parts[item] = item + round; });
    total += std::accumulate(parts.begin(), parts.end(), int64_t{0});
    expected += items * round + items * (items - 1) / 2;
    if (round % 100 == 0) std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_EQ(total, expected);
}

TEST(ThreadPool, WorkersNeverShareAnIndex) {
  ThreadPool pool(4);
  std::vector<std::atomic<int>> inside(4);
  std::atomic<int> shared{0};
  for (int round = 0; round < 200; ++round) {
    pool.parallel_for(40, [&](int64_t, int worker) {
      if (inside[worker].fetch_add(1) != 0) ++shared;
      inside[worker].fetch_sub(1);
    });
  }
  EXPECT_EQ(shared.load(), 0);
}

TEST(ThreadPool, HelpersTakePart) {
  ThreadPool pool(2);
  std::atomic<int64_t> by_helper{0};
  for (int round = 0; round < 20 && by_helper.load() == 0; ++round) {
    pool.parallel_for(100, [&](int64_t, int worker) {
      busy_wait(microseconds(200));
      if (worker == 1) ++by_helper;
    });
  }
  EXPECT_GT(by_helper.load(), 0);
}

TEST(ThreadPool, ManyPoolsComeAndGo) {
  int64_t sum = 0;
  for (int round = 0; round < 200; ++round) {
    ThreadPool pool(3);
    std::vector<int64_t> values(8);
    if (round % 2 == 0) pool.parallel_for(8, [&](int64_t item, int) { values[item] = item; });
    sum += std::accumulate(values.begin(), values.end(), int64_t{0});
  }
  EXPECT_EQ(sum, 100 * 28);
}

// A helper that is held up again and again is left out for a while, and the work still gets done.
TEST(ThreadPool, GoesOnAloneWhenHelpersStall) {
  ThreadPool pool(2);
  std::atomic<int64_t> by_helper{0};
  const auto region = [&] {
    pool.parallel_for(8, [&](int64_t, int worker) {
      busy_wait(microseconds(20));
      if (worker == 0) return;
      ++by_helper;
      std::this_thread::sleep_for(milliseconds(10));  // the neighbour that holds the helper's core
    });
  };
  for (int round = 0; round < 500 && pool.late_regions() < 3; ++round) region();
  ASSERT_GE(pool.late_regions(), 3);
  const int64_t before = by_helper.load();
  const auto start = std::chrono::steady_clock::now();
  while (std::chrono::steady_clock::now() < start + milliseconds(20)) region();
  if (std::chrono::steady_clock::now() > start + milliseconds(45))
    GTEST_SKIP() << "the machine is too busy to time this";
  EXPECT_EQ(by_helper.load(), before) << "the helper was asked while regions should run alone";
}

// The same stall, but in regions that prove long: these take the helpers even then.
TEST(ThreadPool, LongRegionsAreNeverLeftToTheCaller) {
  ThreadPool pool(2);
  std::atomic<int64_t> by_helper{0};
  for (int round = 0; round < 500 && pool.late_regions() < 3; ++round) {
    pool.parallel_for(8, [&](int64_t, int worker) {
      busy_wait(microseconds(20));
      if (worker != 0) std::this_thread::sleep_for(milliseconds(10));
    });
  }
  ASSERT_GE(pool.late_regions(), 3);
  std::vector<int> done(40, 0);
  pool.parallel_for(40, [&](int64_t item, int worker) {
    busy_wait(milliseconds(1));
    ++done[item];
    if (worker == 1) ++by_helper;
  });
  EXPECT_EQ(std::accumulate(done.begin(), done.end(), 0), 40);
  EXPECT_GT(by_helper.load(), 0);
}

TEST(ThreadPool, RefusesNoThreads) { EXPECT_THROW(ThreadPool(0), UsageError); }

}  // namespace
}  // namespace kvcompress
