#include "cache/page_pool.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <set>
#include <stdexcept>
#include <thread>

#include "base/random.h"
#include "cache/page_view.h"
#include "codec/f16.h"
#include "support/test_pool.h"  // TestPool

namespace kvcompress {
namespace {

constexpr int kDim = 64;

std::unique_ptr<TestPool> make_pool(PoolOptions options = {}, int dim = kDim, size_t limit_bytes = 0) {
  return std::make_unique<TestPool>(dim, options, limit_bytes);
}

size_t pages_per_slab(const PagePool& pool) { return kSlabBytes / pool.page_bytes(); }

TEST(PagePool, CountsAllThatAPageHolds) {
  const size_t payload = 64 * kDim * 2 * 2, positions = 64 * 4, header = 64;
  const size_t plain = make_pool()->page_bytes();
  EXPECT_GE(plain, payload + positions + sizeof(uint64_t));
  EXPECT_LE(plain, payload + positions + header);
  EXPECT_EQ(make_pool({.bias = true})->page_bytes(), plain + 64 * 4);
  EXPECT_EQ(make_pool({.scores = true})->page_bytes(), plain + 64 * 4);
  const size_t summary = (3 * kDim + 1) * sizeof(float);
  const size_t with_summary = make_pool({.summaries = true})->page_bytes();
  EXPECT_GE(with_summary, plain + summary - 64);
  EXPECT_LE(with_summary, plain + summary + 64);
}

TEST(PagePool, UsageIsExactAndThePeakStays) {
  const auto pool = make_pool();
  EXPECT_EQ(pool->usage().bytes, 0u);
  EXPECT_EQ(pool->usage().mapped_bytes, 0u);
  std::vector<PageId> pages;
  for (int i = 0; i < 10; ++i) pages.push_back(pool->allocate());
  EXPECT_EQ(pool->usage().bytes, 10 * pool->page_bytes());
  EXPECT_EQ(pool->usage().pages, 10u);
  for (int i = 0; i < 4; ++i) pool->release(pages[static_cast<size_t>(i)]);
  EXPECT_EQ(pool->usage().bytes, 6 * pool->page_bytes());
  EXPECT_EQ(pool->usage().peak_bytes, 10 * pool->page_bytes());
  pool->reset_peak();
  EXPECT_EQ(pool->usage().peak_bytes, 6 * pool->page_bytes());
  for (int i = 4; i < 10; ++i) pool->release(pages[static_cast<size_t>(i)]);
  EXPECT_EQ(pool->usage().bytes, 0u);
  EXPECT_EQ(pool->usage().mapped_bytes, 0u);
}

TEST(PagePool, EmptySlabsGoBackAndLowSlabsFillFirst) {
  const auto pool = make_pool();
  const size_t per_slab = pages_per_slab(*pool);
  ASSERT_GT(per_slab, 2u);
  std::vector<PageId> pages;
  for (size_t i = 0; i < 3 * per_slab; ++i) pages.push_back(pool->allocate());
  EXPECT_EQ(pool->usage().mapped_bytes, 3 * kSlabBytes);
  // A hole in each slab: they are filled from the lowest on, and no slab is added.
  for (const size_t at : {2 * per_slab, per_slab, size_t{1}, size_t{0}}) pool->release(pages[at]);
  EXPECT_EQ(pool->allocate(), pages[0]);
  EXPECT_EQ(pool->allocate(), pages[1]);
  EXPECT_EQ(pool->allocate(), pages[per_slab]);
  EXPECT_EQ(pool->allocate(), pages[2 * per_slab]);
  EXPECT_EQ(pool->usage().mapped_bytes, 3 * kSlabBytes);
  // The middle slab empties and is given back; the next page that no slab has room for brings it again.
  for (size_t i = per_slab; i < 2 * per_slab; ++i) pool->release(pages[i]);
  EXPECT_EQ(pool->usage().mapped_bytes, 2 * kSlabBytes);
  const PageId again = pool->allocate();
  EXPECT_EQ(again, pages[per_slab]);
  EXPECT_EQ(pool->usage().mapped_bytes, 3 * kSlabBytes);
  std::memset(pool->payload(again), 1, pool->form().payload_bytes());
}

TEST(PagePool, PagesAreAlignedApartAndClean) {
  for (const int dim : {16, 64, 80, 256}) {
    const auto pool = make_pool({.bias = true, .scores = true, .summaries = true}, dim);
    const size_t count = pages_per_slab(*pool) + 3;
    std::set<std::byte*> payloads;
    for (int round = 0; round < 2; ++round) {
      std::vector<PageId> pages;
      for (size_t i = 0; i < count; ++i) {
        const PageId page = pool->allocate();
        pages.push_back(page);
        std::byte* const payload = pool->payload(page);
        ASSERT_EQ(reinterpret_cast<uintptr_t>(payload) % 64, 0u);
        ASSERT_TRUE(std::all_of(payload, payload + pool->form().payload_bytes(),
                                [](std::byte b) { return b == std::byte{0}; }));
        ASSERT_TRUE(std::all_of(pool->positions(page), pool->positions(page) + 64,
                                [](int32_t p) { return p == kNoToken; }));
        ASSERT_TRUE(std::all_of(pool->bias(page), pool->bias(page) + 64, [](float b) { return b == 0; }));
        ASSERT_TRUE(std::all_of(pool->scores(page), pool->scores(page) + 64, [](float s) { return s == 0; }));
        ASSERT_EQ(pool->pins(page), 0u);
        ASSERT_EQ(pool->home(page).tier, 0);
        ASSERT_FALSE(pool->has_summary(page));
        ASSERT_FALSE(pool->biased(page));
        // Filled to the last byte: a page that overlapped another would not stay clean.
        std::memset(payload, 0x55, pool->form().payload_bytes());
        std::fill_n(pool->own_positions(page), 64, 7);
        std::fill_n(pool->bias(page), 64, 7.0f);
        std::fill_n(pool->scores(page), 64, 7.0f);
        pool->pins(page) = ~uint64_t{0};
        pool->home(page).tier = 3;
        const std::vector<float> channels(static_cast<size_t>(dim), 7.0f);
        pool->set_summary(page, {channels.data(), channels.data(), channels.data(), 7});
        payloads.insert(payload);
      }
      for (const PageId page : pages) {
        ASSERT_EQ(pool->summary(page).mean[dim - 1], 7.0f);
        pool->release(page);
      }
    }
    EXPECT_GE(payloads.size(), count);
  }
}

TEST(PagePool, OptionalFieldsAreAbsentUnlessAskedFor) {
  const auto pool = make_pool();
  const PageId page = pool->allocate();
  EXPECT_EQ(pool->bias(page), nullptr);
  EXPECT_EQ(pool->scores(page), nullptr);
  EXPECT_FALSE(pool->has_summary(page));
  const float zero[kDim] = {};
  EXPECT_THROW(pool->set_summary(page, {zero, zero, zero, 0}), std::logic_error);
}

TEST(PagePool, TheLimitHolds) {
  const size_t page_bytes = make_pool()->page_bytes();
  const auto pool = make_pool({}, kDim, 3 * page_bytes + page_bytes / 2);
  std::vector<PageId> pages;
  for (int i = 0; i < 3; ++i) pages.push_back(pool->allocate());
  try {
    pool->allocate();
    FAIL() << "a fourth page is beyond the limit";
  } catch (const CapacityError& error) {
    EXPECT_NE(std::string(error.what()).find("58.5 kB"), std::string::npos) << error.what();
  }
  EXPECT_THROW(pool->duplicate(pages[0]), CapacityError);
  EXPECT_EQ(pool->usage().bytes, 3 * page_bytes);
  pool->release(pages[1]);
  EXPECT_EQ(pool->allocate(), pages[1]);
}

TEST(PagePool, OwnersShareAPage) {
  const auto pool = make_pool();
  const PageId page = pool->allocate();
  EXPECT_FALSE(pool->shared(page));
  pool->retain(page);
  EXPECT_TRUE(pool->shared(page));
  pool->release(page);
  EXPECT_FALSE(pool->shared(page));
  EXPECT_EQ(pool->usage().pages, 1u);
  pool->release(page);
  EXPECT_EQ(pool->usage().pages, 0u);
}

TEST(PagePool, DuplicateCopiesEverything) {
  const auto pool = make_pool({.bias = true, .scores = true, .summaries = true});
  const PageId page = pool->allocate();
  pool->retain(page);
  std::memset(pool->payload(page), 0x3C, pool->form().payload_bytes());
  pool->own_positions(page)[5] = 42;
  pool->pins(page) = 0x20;
  pool->bias(page)[5] = -1.5f;
  pool->biased(page) = true;
  pool->scores(page)[63] = 9;
  pool->home(page) = {1, 2};
  std::vector<float> channels(kDim, 4.0f);
  pool->set_summary(page, {channels.data(), channels.data(), channels.data(), 8});
  const PageId copy = pool->duplicate(page);
  EXPECT_NE(copy, page);
  EXPECT_FALSE(pool->shared(copy));
  EXPECT_TRUE(pool->shared(page));
  EXPECT_EQ(std::memcmp(pool->payload(copy), pool->payload(page), pool->form().payload_bytes()), 0);
  EXPECT_EQ(pool->positions(copy)[5], 42);
  EXPECT_EQ(pool->pins(copy), 0x20u);
  EXPECT_EQ(pool->bias(copy)[5], -1.5f);
  EXPECT_TRUE(pool->biased(copy));
  EXPECT_EQ(pool->scores(copy)[63], 9);
  EXPECT_EQ(pool->home(copy).shard, 2);
  ASSERT_TRUE(pool->has_summary(copy));
  EXPECT_EQ(pool->summary(copy).mean_norm, 8);
  EXPECT_EQ(pool->summary(copy).maximum[kDim - 1], 4);
  pool->forget_summary(copy);
  EXPECT_FALSE(pool->has_summary(copy));
  EXPECT_TRUE(pool->has_summary(page));
}

TEST(PagePool, FreeingTwiceIsNoticed) {
  const auto pool = make_pool();
  const PageId page = pool->allocate(), other = pool->allocate();
  pool->release(page);
  EXPECT_THROW(pool->release(page), std::logic_error);
  EXPECT_THROW(pool->retain(page), std::logic_error);
  pool->release(other);
  EXPECT_THROW(pool->release(other), std::logic_error);  // its slab is gone by now
  EXPECT_THROW(pool->release(123456), std::logic_error);
  EXPECT_EQ(pool->usage().pages, 0u);
}

TEST(PagePool, FreedPagesArePoisoned) {
#ifdef NDEBUG
  GTEST_SKIP() << "pages are poisoned in debug builds only";
#endif
  const auto pool = make_pool({.bias = true, .scores = true});
  const PageId page = pool->allocate(), keeps_the_slab = pool->allocate();
  pool->own_positions(page)[0] = 1;
  const auto* halves = reinterpret_cast<const uint16_t*>(pool->payload(page));
  const int32_t* positions = pool->positions(page);
  const float* bias = pool->bias(page);
  pool->release(page);
  EXPECT_TRUE(std::isnan(f32_from_f16(halves[0])));
  EXPECT_TRUE(std::isnan(f32_from_f16(halves[64 * kDim * 2 - 1])));
  EXPECT_EQ(positions[0], kNoToken);
  EXPECT_TRUE(std::isnan(bias[63]));
  pool->release(keeps_the_slab);
}

TEST(PagePool, ThreadsAllocateAndFreeTogether) {
  const auto pool = make_pool({}, 16);
  const auto work = [&](int thread) {
    Random random(9, static_cast<uint64_t>(thread));
    std::vector<PageId> mine;
    for (int step = 0; step < 5000; ++step) {
      if (mine.empty() || random.below(5) < 3) {
        mine.push_back(pool->allocate());
        pool->own_positions(mine.back())[0] = thread * 1'000'000 + static_cast<int>(mine.back());
      } else {
        const size_t at = random.below(mine.size());
        ASSERT_EQ(pool->positions(mine[at])[0], thread * 1'000'000 + static_cast<int>(mine[at]));
        pool->release(mine[at]);
        mine[at] = mine.back();
        mine.pop_back();
      }
    }
    for (const PageId page : mine) pool->release(page);
  };
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) threads.emplace_back(work, thread);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(pool->usage().pages, 0u);
  EXPECT_EQ(pool->usage().mapped_bytes, 0u);
}

}  // namespace
}  // namespace kvcompress
