// Heads whose older tokens are packed.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <numeric>    // std::iota
#include <stdexcept>  // std::logic_error

#include "cache/head_model.h"
#include "cache/sequence_cache.h"      // SequenceCache
#include "support/test_packed_form.h"  // TestPackedForm
#include "support/test_pool.h"         // TestPool

namespace kvcompress {
namespace {

constexpr int kDim = 32;

std::vector<int32_t> range(int32_t begin, int32_t end) {
  std::vector<int32_t> values(static_cast<size_t>(end - begin));
  std::iota(values.begin(), values.end(), begin);
  return values;
}

class PackedSlotsTest : public testing::Test {
 protected:
  void append(int32_t begin, int32_t end) { append_tokens(head_, model_, range(begin, end), kDim); }
  void pin(int32_t index) {
    head_.pin(index, true);
    model_.tokens[static_cast<size_t>(index)].pinned = true;
  }
  void keep(const std::vector<int32_t>& indices, bool compact) {
    head_.keep(indices, compact);
    model_.keep(indices);
  }
  void expect_right() {
    ASSERT_NO_FATAL_FAILURE(expect_views_true(head_));
    ASSERT_NO_FATAL_FAILURE(expect_equal(head_, model_, kDim, random_, true));
  }
  std::vector<int32_t> positions_of(bool packed) const {
    std::vector<int32_t> positions;
    for (const PageView& view : head_.pages()) {
      for (int slot = 0; slot < kPageSlots; ++slot) {
        if ((view.packed != nullptr) == packed && view.positions[slot] != kNoToken) {
          positions.push_back(view.positions[slot]);
        }
      }
    }
    return positions;
  }

  TestPool pool_{kDim, {.bias = true, .scores = true, .summaries = true}};
  PositionStore store_{&pool_.memory()};
  TestPackedForm form_{kDim};
  PagePool packed_pool_{form_.payload_bytes(), kDim, pool_.options(), &pool_.memory(), &store_};
  HeadSlots head_{&pool_, &pool_.form(), {&packed_pool_, &form_}, 3};
  HeadModel model_{{}, 1};
  Random random_{1};
};

TEST_F(PackedSlotsTest, SinksRecentAndPinnedTokensStayExact) {
  append(0, 500);
  pin(40);
  pin(470);
  head_.seal(4, 100);
  EXPECT_EQ(head_.packed_pages(), 6u);  // 500 - 4 - 100 - 1 pinned = 395 = 6 * 64 + 11
  std::vector<int32_t> exact = range(0, 4);
  exact.push_back(40);
  for (const int32_t position : range(389, 500)) exact.push_back(position);
  EXPECT_EQ(positions_of(false), exact);
  EXPECT_EQ(head_.pages_held(), 6u + 2u);
  expect_right();
  head_.seal(4, 100);
  EXPECT_EQ(head_.packed_pages(), 6u);
  append(500, 552);
  head_.seal(4, 100);
  EXPECT_EQ(head_.packed_pages(), 6u);
  append(552, 553);
  head_.seal(4, 100);
  EXPECT_EQ(head_.packed_pages(), 7u);
  expect_right();
}

TEST_F(PackedSlotsTest, WithoutSinksAndRecentTokensAllFullPagesAreSealed) {
  append(0, 128);
  head_.seal(0, 0);
  EXPECT_EQ(head_.packed_pages(), 2u);
  EXPECT_EQ(head_.pages_held(), 2u);
  EXPECT_EQ(head_.bytes(), 2 * packed_pool_.page_bytes());
  append(128, 130);
  EXPECT_EQ(head_.pages_held(), 3u);
  expect_right();
  const std::vector<float> numbers(kDim, 1.0f);
  EXPECT_THROW(head_.append(std::vector<int32_t>{129}, numbers.data(), kDim, numbers.data(), kDim),
               std::logic_error);
}

TEST_F(PackedSlotsTest, APinThatIsTakenAwayLateLeavesItsTokenExact) {
  append(0, 300);
  pin(10);
  head_.seal(0, 0);
  EXPECT_EQ(positions_of(false).front(), 10);
  head_.pin(10, false);
  model_.tokens[10].pinned = false;
  append(300, 400);
  head_.seal(0, 0);
  EXPECT_EQ(positions_of(false).front(), 10) << "packed pages ascend, and hold newer ones already";
  expect_right();
}

TEST_F(PackedSlotsTest, SealingHoldsTwoPagesMoreAtMost) {
  append(0, 1000);
  const size_t before = pool_.usage().bytes;
  pool_.reset_peak();
  head_.seal(4, 32);
  EXPECT_EQ(head_.packed_pages(), 15u);
  // The sinks hold on to the first exact page, so the first to be empty is the second. 5000: the numbers that
  // positions point into.
  EXPECT_LE(pool_.usage().peak_bytes, before + 2 * packed_pool_.page_bytes() + 5000);
  EXPECT_EQ(head_.bytes(), 15 * packed_pool_.page_bytes() + pool_.page_bytes());
  expect_right();
}

TEST_F(PackedSlotsTest, ARefusedPageLosesNoToken) {
  TestPool pool(kDim, {}, 6 * TestPool(kDim).page_bytes() + 2 * PositionStore::kBlockBytes);
  PositionStore store(&pool.memory());
  PagePool packed(form_.payload_bytes(), kDim, {}, &pool.memory(), &store);
  HeadSlots head(&pool, &pool.form(), {&packed, &form_});
  HeadModel model{{}, 1};
  append_tokens(head, model, range(0, 384), kDim);
  const std::byte* const first_page = head.pages()[0].payload;
  EXPECT_THROW(head.seal(4, 0), CapacityError);
  EXPECT_EQ(head.packed_pages(), 0u);
  EXPECT_EQ(head.pages()[0].payload, first_page);
  expect_equal(head, model, kDim, random_, false);
  // With one page less there is room for one; then for all, as every page that is empty makes room for more.
  head.keep(range(0, 320), true);
  model.keep(range(0, 320));
  EXPECT_THROW(head.seal(4, 0), CapacityError);
  EXPECT_EQ(head.packed_pages(), 1u);
  expect_views_true(head);
  expect_equal(head, model, kDim, random_, false);
  head.keep(range(0, 256), true);
  model.keep(range(0, 256));
  head.seal(4, 0);
  EXPECT_EQ(head.packed_pages(), 3u);
  expect_views_true(head);
  expect_equal(head, model, kDim, random_, false);
}

TEST_F(PackedSlotsTest, SealingASharedHeadCopiesWhatItNeeds) {
  append(0, 300);
  const HeadModel before = model_;
  HeadSlots fork = head_.fork();
  head_.seal(4, 20);
  expect_right();
  EXPECT_EQ(fork.packed_pages(), 0u);
  expect_equal(fork, before, kDim, random_, true);
  fork.seal(4, 20);
  expect_equal(fork, before, kDim, random_, true);
  // The same text, the same bytes.
  ASSERT_EQ(fork.packed_pages(), head_.packed_pages());
  for (size_t page = 0; page < fork.packed_pages(); ++page) {
    EXPECT_EQ(std::memcmp(fork.pages()[page].payload, head_.pages()[page].payload, form_.payload_bytes()), 0);
  }
}

TEST_F(PackedSlotsTest, SeedsFollowTheHeadAndThePosition) {
  const auto seeds = [&](uint64_t head_seed) {
    HeadSlots head(&pool_, &pool_.form(), {&packed_pool_, &form_}, head_seed);
    HeadModel model{{}, 1};
    append_tokens(head, model, range(0, 128), kDim);
    head.seal(0, 0);
    return std::pair(form_.seed_of(head.pages()[0].payload), form_.seed_of(head.pages()[1].payload));
  };
  EXPECT_EQ(seeds(3), seeds(3));
  EXPECT_NE(seeds(3).first, seeds(3).second);
  EXPECT_NE(seeds(3).first, seeds(4).first);
}

TEST_F(PackedSlotsTest, FieldsGoAlong) {
  append(0, 200);
  std::vector<float> scores(200);
  random_.fill_normal(scores);
  head_.set_scores(scores);
  for (size_t i = 0; i < scores.size(); ++i) model_.tokens[i].score = scores[i];
  head_.set_bias(70, 1.5f);
  model_.tokens[70].bias = 1.5f;
  head_.seal(0, 0);
  EXPECT_EQ(head_.pages()[0].bias, nullptr);
  ASSERT_NE(head_.pages()[1].bias, nullptr);
  expect_right();
  // Notes on packed slots.
  head_.set_bias(5, -2.0f);
  model_.tokens[5].bias = -2.0f;
  pin(130);
  expect_right();
  head_.refresh_summaries();
  ASSERT_TRUE(head_.has_summary(0));
  std::vector<float> key(kDim);
  float greatest = -INFINITY;
  for (int32_t i = 0; i < kPageSlots; ++i) {
    head_.load(i, key.data(), nullptr);
    greatest = std::max(greatest, key[7]);
  }
  EXPECT_EQ(head_.summary(0).maximum[7], greatest);
  EXPECT_THROW(head_.set_key(3, key.data()), std::logic_error);
  EXPECT_NO_THROW(head_.set_key(199, key.data()));
}

TEST_F(PackedSlotsTest, HolesArePackedAnewWhenTheyAreManyEnough) {
  append(0, 1024);
  head_.seal(0, 0);
  ASSERT_EQ(head_.packed_pages(), 16u);
  const std::byte* const second = head_.pages()[1].payload;
  // Every second slot behind the first page, one by one: a quarter of the list is the more of the two.
  size_t most_holes = 0, repacked = 0;
  for (int32_t index = 64; index < head_.length(); ++index) {
    const size_t pages = head_.packed_pages();
    const int before = head_.length();
    head_.drop(index);
    model_.drop(index);
    size_t holes = 0;
    for (const PageView& view : head_.pages()) holes += kPageSlots - view.live;
    most_holes = std::max(most_holes, holes);
    repacked += head_.packed_pages() < pages && holes < kPageSlots ? 1 : 0;
    ASSERT_EQ(head_.length(), before - 1);
  }
  EXPECT_EQ(most_holes, 255u);
  EXPECT_GE(repacked, 2u);
  EXPECT_EQ(head_.pages()[1].payload, second) << "packed anew where it lay";
  expect_right();
  // What is left over is a last page with room, behind which new ones are sealed.
  append(1024, 1200);
  head_.seal(0, 0);
  expect_right();
}

TEST_F(PackedSlotsTest, PackingAnewNeedsNoPageAndSparesForks) {
  append(0, 640);
  head_.seal(0, 0);
  const HeadModel before = model_;
  std::vector<int32_t> half;
  for (int32_t i = 0; i < 640; i += 2) half.push_back(i);
  {
    HeadSlots fork = head_.fork();
    fork.keep(half, true);
    EXPECT_EQ(fork.packed_pages(), 5u);
    HeadModel kept = before;
    kept.keep(half);
    expect_views_true(fork);
    expect_equal(fork, kept, kDim, random_, true);
    expect_right();
  }
  pool_.reset_peak();
  const size_t held = pool_.usage().bytes;
  keep(half, true);
  EXPECT_EQ(head_.packed_pages(), 5u);
  EXPECT_LE(pool_.usage().peak_bytes, held + 10 * PositionStore::kBlockBytes);
  expect_right();
}

TEST_F(PackedSlotsTest, ARefusedRepackingChangesNothing) {
  const size_t limit = 12 * TestPool(kDim).page_bytes();
  TestPool pool(kDim, {}, limit);
  PagePool packed(form_.payload_bytes(), kDim, {}, &pool.memory());
  HeadSlots head(&pool, &pool.form(), {&packed, &form_});
  HeadModel model{{}, 1};
  append_tokens(head, model, range(0, 640), kDim);
  head.seal(0, 0);
  HeadSlots fork = head.fork();
  // Others take the rest of the room: no page can be copied.
  while (pool.usage().bytes + packed.page_bytes() <= limit) packed.allocate();
  const HeadModel before = model;
  EXPECT_THROW(head.keep(range(0, 300), true), CapacityError);
  EXPECT_THROW(head.drop(3), CapacityError);
  EXPECT_THROW(head.drop_before(5), CapacityError);
  expect_views_true(head);
  expect_equal(head, before, kDim, random_, false);
  expect_equal(fork, before, kDim, random_, false);
  head.keep(range(0, 64), true);  // whole pages need no copy
  EXPECT_EQ(head.packed_pages(), 1u);
}

TEST_F(PackedSlotsTest, AWindowFreesItsOldPages) {
  append(0, 640);
  head_.seal(0, 64);
  ASSERT_EQ(head_.packed_pages(), 9u);
  for (int32_t position = 1; position < 640; position += 7) {
    head_.drop_before(position);
    model_.drop_before(position);
    ASSERT_EQ(head_.pages_held(), static_cast<size_t>(10 - position / 64));
  }
  expect_right();
}

TEST_F(PackedSlotsTest, MadeOfPoolsThatFit) {
  PagePool no_bias(form_.payload_bytes(), kDim, {}, &pool_.memory());
  const TestPackedForm wide(2 * kDim);
  EXPECT_THROW(HeadSlots(&pool_, &pool_.form(), {&no_bias, &form_}), std::logic_error);
  EXPECT_THROW(HeadSlots(&pool_, &pool_.form(), {&packed_pool_, &wide}), std::logic_error);
  EXPECT_THROW(HeadSlots(&pool_, &pool_.form(), {nullptr, &form_}), std::logic_error);
}

// A page of 64 tokens in a row costs its payload and a header; only others pay for positions.
TEST(PackedSlotsBytes, PositionsInARowAreShared) {
  TestPool pool(kDim);
  PositionStore store(&pool.memory());
  const TestPackedForm form(kDim);
  PagePool packed(form.payload_bytes(), kDim, {}, &pool.memory(), &store);
  EXPECT_LE(packed.page_bytes(), form.payload_bytes() + 64);
  SequenceCache cache(&pool, &pool.form(), 1, 2, {}, {{&packed, &form}, {&packed, &form}});
  for (int head = 0; head < 2; ++head) {
    HeadModel model{{}, static_cast<uint64_t>(head)};
    append_tokens(cache.head(0, head), model, range(0, 320), kDim);
    cache.head(0, head).seal(4, 0);
  }
  EXPECT_EQ(cache.head(0, 0).pages()[1].positions, cache.head(0, 1).pages()[1].positions);
  EXPECT_EQ(cache.bytes(), 2 * (4 * packed.page_bytes() + pool.page_bytes()));
  const size_t numbers = pool.usage().bytes - cache.bytes();
  EXPECT_GT(numbers, 0u);
  EXPECT_LE(numbers, 5000u);
  cache.head(0, 1).drop(100);
  EXPECT_EQ(cache.bytes(), 2 * (4 * packed.page_bytes() + pool.page_bytes()) + PositionStore::kBlockBytes);
  EXPECT_EQ(pool.usage().bytes, cache.bytes() + numbers);
  SequenceCache fork = cache.fork();
  EXPECT_EQ(pool.usage().bytes, cache.bytes() + numbers);
  EXPECT_EQ(fork.bytes(), cache.bytes());
  EXPECT_THROW(SequenceCache(&pool, &pool.form(), 1, 2, {}, {{&packed, &form}}), std::logic_error);
}

TEST(PackedSlotsBytes, AllGoesWithTheLastPage) {
  TestPool pool(kDim);
  PositionStore store(&pool.memory());
  const TestPackedForm form(kDim);
  PagePool packed(form.payload_bytes(), kDim, {}, &pool.memory(), &store);
  {
    HeadSlots head(&pool, &pool.form(), {&packed, &form});
    HeadModel model{{}, 1};
    append_tokens(head, model, range(0, 4000), kDim);
    head.seal(4, 0);
    head.drop(77);
    EXPECT_GT(pool.usage().bytes, head.bytes() + 10000);  // four times 1024 numbers
  }
  EXPECT_EQ(pool.usage().bytes, 0u);
  EXPECT_EQ(pool.usage().pages, 0u);
  EXPECT_EQ(pool.usage().mapped_bytes, 0u);
}

}  // namespace
}  // namespace kvcompress
