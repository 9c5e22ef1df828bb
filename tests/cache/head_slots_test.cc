#include "cache/head_slots.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <stdexcept>

#include "cache/head_model.h"
#include "support/test_pool.h"  // TestPool

namespace kvcompress {
namespace {

constexpr int kDim = 32;

std::vector<int32_t> range(int32_t begin, int32_t end) {
  std::vector<int32_t> values(static_cast<size_t>(end - begin));
  std::iota(values.begin(), values.end(), begin);
  return values;
}

class HeadSlotsTest : public testing::Test {
 protected:
  void append(int32_t begin, int32_t end) { append_tokens(head_, model_, range(begin, end), kDim); }
  void expect_right() {
    ASSERT_NO_FATAL_FAILURE(expect_views_true(head_));
    ASSERT_NO_FATAL_FAILURE(expect_equal(head_, model_, kDim, random_, true));
  }
  void drop(int32_t index) {
    head_.drop(index);
    model_.drop(index);
  }

  TestPool pool_{kDim, {.bias = true, .scores = true, .summaries = true}};
  HeadSlots head_{&pool_, &pool_.form()};
  HeadModel model_{{}, 1};
  Random random_{1};
};

TEST_F(HeadSlotsTest, GrowsPageByPage) {
  append(0, 63);
  EXPECT_EQ(head_.pages_held(), 1u);
  append(63, 64);
  EXPECT_EQ(head_.pages_held(), 1u);
  append(64, 65);
  EXPECT_EQ(head_.pages_held(), 2u);
  append(65, 300);
  EXPECT_EQ(head_.pages_held(), 5u);
  expect_right();
}

TEST_F(HeadSlotsTest, AHoleAtTheEndIsRoomAgainAndLeavesNothingBehind) {
  append(0, 10);
  EXPECT_FALSE(head_.any_pinned());
  head_.pin(9, true);
  EXPECT_TRUE(head_.any_pinned());
  head_.set_bias(9, 2.5f);
  std::vector<float> scores(10, 3.0f);
  head_.set_scores(scores);
  for (ModelToken& token : model_.tokens) token.score = 3;
  drop(9);
  EXPECT_EQ(head_.pages()[0].used, 9);
  EXPECT_FALSE(head_.any_pinned());
  append(20, 21);  // the same slot: no pin, bias or score of its predecessor
  EXPECT_EQ(head_.pages()[0].used, 10);
  expect_right();
}

TEST_F(HeadSlotsTest, DroppingKeepsWithinOnePageOfTheNeed) {
  append(0, 512);
  for (int32_t step = 0; step < 2000; ++step) {
    append(512 + step, 513 + step);
    drop(static_cast<int32_t>(random_.below(512)));
    ASSERT_EQ(head_.length(), 512);
    ASSERT_LE(head_.pages_held(), 512u / kPageSlots + 1);
  }
  expect_right();
}

TEST_F(HeadSlotsTest, AWindowFreesItsOldPagesWithoutMoving) {
  append(0, 200);
  const std::byte* const last_page = head_.pages().back().payload;
  for (int32_t position = 1; position <= 199; ++position) {
    head_.drop_before(position);
    model_.drop_before(position);
    ASSERT_EQ(head_.pages_held(), static_cast<size_t>((200 + 63) / 64 - position / 64));
  }
  EXPECT_EQ(head_.pages().back().payload, last_page);
  EXPECT_EQ(head_.pages().back().first_position, 199);
  expect_right();
  head_.drop_before(1000);
  EXPECT_EQ(head_.length(), 0);
  EXPECT_EQ(pool_.usage().pages, 0u);
  head_.drop_before(1000);
}

TEST_F(HeadSlotsTest, AWindowKeepsPinnedSlots) {
  append(0, 640);
  for (const int32_t index : {0, 3, 70, 130, 200}) {
    head_.pin(index, true);
    model_.tokens[static_cast<size_t>(index)].pinned = true;
  }
  head_.drop_before(600);
  model_.drop_before(600);
  EXPECT_EQ(head_.length(), 45);
  EXPECT_EQ(head_.pages_held(), 1u);  // six pages with a slot or two each would be a waste
  expect_right();
}

TEST_F(HeadSlotsTest, CompactingNeedsNoPage) {
  append(0, 640);
  pool_.reset_peak();
  std::vector<int32_t> indices;
  for (int32_t i = 1; i < 640; i += 3) indices.push_back(i);
  head_.keep(indices, true);
  model_.keep(indices);
  EXPECT_EQ(head_.pages_held(), (indices.size() + 63) / 64);
  EXPECT_EQ(pool_.usage().peak_bytes, 10 * pool_.page_bytes());
  EXPECT_EQ(pool_.usage().pages, head_.pages_held());
  for (size_t page = 0; page + 1 < head_.pages().size(); ++page)
    EXPECT_EQ(head_.pages()[page].live, kPageSlots);
  expect_right();
  append(640, 700);
  expect_right();
}

TEST_F(HeadSlotsTest, KeepingWithoutCompactingLeavesHolesAndFreesEmptyPages) {
  append(0, 256);
  std::vector<int32_t> indices = range(0, 64);
  indices.push_back(130);
  indices.push_back(255);
  head_.keep(indices, false);
  model_.keep(indices);
  EXPECT_EQ(head_.pages_held(), 3u);
  EXPECT_EQ(head_.pages()[1].used, 3);
  EXPECT_EQ(head_.pages()[1].live, 1);
  EXPECT_EQ(head_.pages()[2].used, 64);
  expect_right();
  head_.keep(range(0, 66), true);
  EXPECT_EQ(head_.pages_held(), 2u);
  expect_right();
}

TEST_F(HeadSlotsTest, KeepingNothingOrAll) {
  append(0, 100);
  head_.keep(range(0, 100), true);
  head_.keep(range(0, 100), false);
  expect_right();
  head_.keep({}, false);
  model_.keep({});
  EXPECT_EQ(head_.pages_held(), 0u);
  append(100, 105);
  head_.keep({}, true);
  model_.keep({});
  expect_right();
  head_.keep({}, true);
  EXPECT_EQ(pool_.usage().mapped_bytes, 0u);
}

TEST_F(HeadSlotsTest, AForkSharesUntilOneSideWrites) {
  append(0, 200);
  HeadSlots fork = head_.fork();
  const HeadModel before = model_;
  EXPECT_EQ(pool_.usage().pages, 4u);
  append(200, 201);  // writes to the last page only
  EXPECT_EQ(pool_.usage().pages, 5u);
  EXPECT_EQ(fork.pages()[0].payload, head_.pages()[0].payload);
  EXPECT_NE(fork.pages()[3].payload, head_.pages()[3].payload);
  drop(3);
  EXPECT_EQ(pool_.usage().pages, 6u);
  head_.keep({}, true);
  EXPECT_EQ(pool_.usage().pages, 4u);
  expect_equal(fork, before, kDim, random_, true);
  // Keeping what is there, or whole pages in front, shares on.
  HeadSlots second = fork.fork();
  second.keep(range(0, 200), true);
  second.keep(range(0, 128), true);
  EXPECT_EQ(pool_.usage().pages, 4u);
}

TEST_F(HeadSlotsTest, MovingTakesThePages) {
  append(0, 70);
  HeadSlots moved(std::move(head_));
  EXPECT_EQ(moved.length(), 70);
  EXPECT_EQ(pool_.usage().pages, 2u);
  expect_equal(moved, model_, kDim, random_, true);
}

TEST_F(HeadSlotsTest, ANumberBeyondF16IsAnInputErrorAndChangesNothing) {
  append(0, 50);
  for (const float bad :
       {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN(), 1e6f}) {
    std::vector<float> keys(100 * kDim, 1.0f), values(100 * kDim, 1.0f);
    values[80 * kDim + 5] = bad;
    try {
      head_.append(range(1000, 1100), keys.data(), kDim, values.data(), kDim);
      FAIL() << "not representable: " << bad;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()).find("position 1080,"), std::string::npos) << error.what();
    }
    EXPECT_EQ(head_.pages_held(), 1u);
    EXPECT_EQ(pool_.usage().pages, 1u);
    expect_right();
  }
  // The room after the tokens is clean, as attention may multiply it by zero.
  std::vector<float> value(kDim);
  for (int slot = 50; slot < kPageSlots; ++slot) {
    pool_.form().load(head_.pages()[0].payload, slot, nullptr, value.data());
    for (const float v : value) ASSERT_EQ(v, 0.0f);
  }
  append(50, 60);
  expect_right();
}

TEST(HeadSlotsLimit, ARefusedPageChangesNothing) {
  const size_t page_bytes = TestPool(kDim).page_bytes();
  TestPool pool(kDim, {}, 3 * page_bytes);
  HeadSlots head(&pool, &pool.form());
  HeadModel model{{}, 1};
  Random random(1);
  append_tokens(head, model, range(0, 100), kDim);
  const std::vector<float> numbers(200 * kDim, 1.0f);
  EXPECT_THROW(head.append(range(100, 300), numbers.data(), kDim, numbers.data(), kDim), CapacityError);
  EXPECT_EQ(pool.usage().pages, 2u);
  expect_equal(head, model, kDim, random, false);

  HeadSlots fork = head.fork();
  append_tokens(head, model, {100}, kDim);  // owns the last page: three are held
  const HeadModel before = model;
  EXPECT_THROW(head.drop(0), CapacityError);  // would own the first
  EXPECT_THROW(head.keep(range(1, 101), true), CapacityError);
  EXPECT_THROW(head.keep(range(1, 101), false), CapacityError);
  EXPECT_THROW(head.drop_before(10), CapacityError);
  EXPECT_THROW(head.pin(0, true), CapacityError);
  expect_views_true(head);
  expect_equal(head, before, kDim, random, false);
  fork.keep({}, true);
  head.drop(0);
  model.drop(0);
  expect_equal(head, model, kDim, random, false);
}

TEST_F(HeadSlotsTest, MisuseIsALogicError) {
  append(0, 10);
  const std::vector<float> numbers(10 * kDim, 1.0f);
  const auto append_at = [&](std::vector<int32_t> positions) {
    head_.append(positions, numbers.data(), kDim, numbers.data(), kDim);
  };
  EXPECT_THROW(append_at({9}), std::logic_error);
  EXPECT_THROW(append_at({20, 20}), std::logic_error);
  EXPECT_THROW(append_at({20, kNoToken}), std::logic_error);
  EXPECT_THROW(head_.keep(std::vector<int32_t>{3, 3}, true), std::logic_error);
  EXPECT_THROW(head_.keep(std::vector<int32_t>{4, 3}, true), std::logic_error);
  EXPECT_THROW(head_.keep(std::vector<int32_t>{10}, true), std::logic_error);
  EXPECT_THROW(head_.keep(std::vector<int32_t>{-1}, true), std::logic_error);
  EXPECT_THROW(head_.drop(10), std::logic_error);
  EXPECT_THROW(head_.drop(-1), std::logic_error);
  EXPECT_THROW(head_.set_bias(0, std::numeric_limits<float>::infinity()), std::logic_error);
  std::vector<int32_t> short_span(9);
  EXPECT_THROW(head_.positions(short_span), std::logic_error);
  append_at({});
  expect_right();
}

TEST_F(HeadSlotsTest, SummariesDescribeFullPages) {
  append(0, 200);
  head_.refresh_summaries();
  for (size_t page = 0; page < 3; ++page) {
    ASSERT_TRUE(head_.has_summary(page));
    double mean = 0, norm = 0;
    float least = INFINITY, most = -INFINITY;
    for (int32_t token = 0; token < kPageSlots; ++token) {
      std::vector<float> key(kDim);
      head_.load(static_cast<int32_t>(page) * kPageSlots + token, key.data(), nullptr);
      mean += key[7] / kPageSlots;
      least = std::min(least, key[7]);
      most = std::max(most, key[7]);
      norm += std::sqrt(std::inner_product(key.begin(), key.end(), key.begin(), 0.0)) / kPageSlots;
    }
    const PageSummary summary = head_.summary(page);
    EXPECT_EQ(summary.minimum[7], least);
    EXPECT_EQ(summary.maximum[7], most);
    EXPECT_NEAR(summary.mean[7], mean, 1e-5);
    EXPECT_NEAR(summary.mean_norm, norm, 1e-4);
  }
  EXPECT_FALSE(head_.has_summary(3));
  drop(70);
  EXPECT_TRUE(head_.has_summary(0));
  EXPECT_FALSE(head_.has_summary(1));
  append(200, 256);
  head_.refresh_summaries();
  EXPECT_TRUE(head_.has_summary(1));
  EXPECT_TRUE(head_.has_summary(3));
}

TEST(HeadSlotsFields, AreRefusedWhereThePoolHasNone) {
  TestPool pool(kDim);
  HeadSlots head(&pool, &pool.form());
  HeadModel model{{}, 1};
  append_tokens(head, model, {0}, kDim);
  std::vector<float> score(1);
  EXPECT_THROW(head.set_bias(0, 1), std::logic_error);
  EXPECT_THROW(head.set_scores(score), std::logic_error);
  EXPECT_THROW(head.scores(score), std::logic_error);
  EXPECT_THROW(head.refresh_summaries(), std::logic_error);
  EXPECT_EQ(head.pages()[0].bias, nullptr);
}

}  // namespace
}  // namespace kvcompress
