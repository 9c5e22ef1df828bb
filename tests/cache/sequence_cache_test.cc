#include "cache/sequence_cache.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "cache/head_model.h"
#include "support/test_pool.h"  // TestPool

namespace kvcompress {
namespace {

constexpr int kDim = 64, kLayers = 3, kHeads = 2;

class SequenceCacheTest : public testing::Test {
 protected:
  void read(SequenceCache& cache, int32_t tokens) {
    for (int layer = 0; layer < cache.layers(); ++layer) {
      for (int head = 0; head < cache.kv_heads(); ++head) {
        for (int32_t t = 0; t < tokens; ++t) {
          HeadModel model{{}, static_cast<uint64_t>(10 * layer + head)};
          append_tokens(cache.head(layer, head), model, {cache.next_position + t}, kDim);
        }
      }
    }
    cache.next_position += tokens;
  }

  TestPool pool_{kDim};
  SequenceCache cache_{&pool_, &pool_.form(), kLayers, kHeads, {0, 16, 0}};
};

TEST_F(SequenceCacheTest, CountsItsBytes) {
  EXPECT_EQ(cache_.bytes(), 0u);
  EXPECT_EQ(cache_.bytes_full(kDim), 0u);
  read(cache_, 65);
  EXPECT_EQ(cache_.bytes(), 2 * kLayers * kHeads * pool_.page_bytes());
  EXPECT_EQ(cache_.bytes(), pool_.usage().bytes);
  EXPECT_EQ(cache_.bytes_full(kDim), 65u * kLayers * kHeads * kDim * 2 * 2);
  cache_.head(1, 0).drop_before(64);
  EXPECT_EQ(cache_.bytes(), pool_.usage().bytes);
  EXPECT_EQ(cache_.bytes_full(kDim), 65u * kLayers * kHeads * kDim * 2 * 2);  // whatever was evicted
}

TEST_F(SequenceCacheTest, HeadsDiffer) {
  read(cache_, 10);
  cache_.head(0, 1).drop(4);
  cache_.head(2, 0).keep(std::vector<int32_t>{1, 2}, true);
  EXPECT_EQ(cache_.head(0, 0).length(), 10);
  EXPECT_EQ(cache_.head(0, 1).length(), 9);
  EXPECT_EQ(cache_.head(2, 0).length(), 2);
  EXPECT_EQ(cache_.head(2, 1).length(), 10);
  EXPECT_EQ(cache_.sliding_window(0), 0);
  EXPECT_EQ(cache_.sliding_window(1), 16);
}

TEST_F(SequenceCacheTest, AForkGoesItsOwnWay) {
  read(cache_, 100);
  const size_t pages = pool_.usage().pages;
  {
    SequenceCache fork = cache_.fork();
    EXPECT_EQ(fork.layers(), kLayers);
    EXPECT_EQ(fork.kv_heads(), kHeads);
    EXPECT_EQ(fork.next_position, 100);
    EXPECT_EQ(fork.sliding_window(1), 16);
    EXPECT_EQ(pool_.usage().pages, pages);
    EXPECT_EQ(fork.bytes(), cache_.bytes());
    read(fork, 5);
    EXPECT_EQ(pool_.usage().pages, pages + kLayers * kHeads);
    EXPECT_EQ(fork.head(2, 1).length(), 105);
    EXPECT_EQ(cache_.head(2, 1).length(), 100);
    EXPECT_EQ(cache_.next_position, 100);
  }
  EXPECT_EQ(pool_.usage().pages, pages);
}

TEST_F(SequenceCacheTest, WindowsAreOnePerLayerOrNone) {
  EXPECT_THROW(SequenceCache(&pool_, &pool_.form(), 3, 2, {0, 1}), std::logic_error);
  EXPECT_EQ(SequenceCache(&pool_, &pool_.form(), 3, 2, {}).sliding_window(2), 0);
}

TEST_F(SequenceCacheTest, MovesWithItsPages) {
  read(cache_, 3);
  const SequenceCache moved(std::move(cache_));
  EXPECT_EQ(moved.head(0, 0).length(), 3);
  EXPECT_EQ(pool_.usage().pages, static_cast<size_t>(kLayers * kHeads));
}

}  // namespace
}  // namespace kvcompress
