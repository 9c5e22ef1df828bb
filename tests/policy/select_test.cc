#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::sort
#include <limits>     // std::numeric_limits
#include <numeric>    // std::iota
#include <random>     // std::mt19937

#include "policy/budget.h"

namespace kvcompress {
namespace {

using Slots = std::vector<int32_t>;

struct Case {
  const char* name;
  std::vector<float> scores;
  std::vector<uint8_t> pinned;
  int64_t budget, sinks, recent;
  Slots kept;
};

class SelectSlots : public testing::TestWithParam<Case> {};

TEST_P(SelectSlots, KeepsExactly) {
  const Case& c = GetParam();
  EXPECT_EQ(select_slots({c.scores, c.pinned, c.budget, c.sinks, c.recent}), c.kept);
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();

INSTANTIATE_TEST_SUITE_P(
    Table, SelectSlots,
    testing::Values(Case{"best", {1, 5, 3, 4, 2}, {}, 2, 0, 0, {1, 3}},
                    Case{"ascending", {9, 1, 8, 7}, {}, 3, 0, 0, {0, 2, 3}},
                    Case{"ties_go_to_the_lower", {2, 2, 2, 2, 2}, {}, 3, 0, 0, {0, 1, 2}},
                    Case{"tie_at_the_cut", {1, 3, 3, 3, 1}, {}, 2, 0, 0, {1, 2}},
                    Case{"zeros_of_both_signs_tie", {-0.0f, 0.0f, -0.0f}, {}, 1, 0, 0, {0}},
                    Case{"negative", {-1, -5, -3, -4}, {}, 2, 0, 0, {0, 2}},
                    Case{"sinks", {0, 0, 5, 6, 7}, {}, 3, 2, 0, {0, 1, 4}},
                    Case{"recent", {7, 6, 5, 0, 0}, {}, 3, 0, 2, {0, 3, 4}},
                    Case{"mask_beats_infinity", {0, kInfinity, kInfinity, 0}, {}, 2, 1, 1, {0, 3}},
                    Case{"minus_infinity_is_last", {-kInfinity, 1, 2}, {}, 2, 0, 0, {1, 2}},
                    Case{"pinned", {0, 9, 8, 0, 7}, {1, 0, 0, 1, 0}, 3, 0, 0, {0, 1, 3}},
                    Case{"pinned_inside_sinks", {0, 9, 8}, {1, 0, 0}, 2, 1, 0, {0, 1}},
                    Case{"budget_of_all", {3, 1, 2}, {}, 3, 0, 0, {0, 1, 2}},
                    Case{"budget_above_all", {3, 1, 2}, {}, 99, 1, 50, {0, 1, 2}},
                    Case{"only_forced", {1, 2, 3, 4}, {}, 2, 1, 1, {0, 3}},
                    Case{"nothing", {}, {}, 4, 1, 1, {}}, Case{"one", {1, 2, 2, 1}, {}, 1, 0, 0, {1}}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SelectSlotsErrors, NanNamesItsSlot) {
  const std::vector<float> scores = {1, 2, std::numeric_limits<float>::quiet_NaN(), 4};
  try {
    select_slots({scores, {}, 2, 0, 0});
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("expected a number as score of slot 2, got NaN"),
              std::string::npos);
    EXPECT_EQ(error.exit_code(), 1);
  }
}

TEST(SelectSlotsErrors, NanOfAForcedSlotIsNotLookedAt) {
  const std::vector<float> scores = {1, 2, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_EQ(select_slots({scores, {}, 2, 0, 1}), (Slots{1, 2}));
}

TEST(SelectSlotsErrors, ImpossibleBudgets) {
  const std::vector<float> scores(8, 1.0f);
  const std::vector<uint8_t> pinned = {0, 0, 0, 1, 1, 0, 0, 0};
  EXPECT_THROW(select_slots({scores, {}, 0, 0, 0}), UsageError);
  EXPECT_THROW(select_slots({scores, {}, -1, 0, 0}), UsageError);
  EXPECT_THROW(select_slots({scores, {}, 3, 2, 2}), UsageError);
  EXPECT_THROW(select_slots({scores, pinned, 3, 1, 1}), UsageError);
  EXPECT_THROW(select_slots({scores, {}, 3, -1, 0}), UsageError);
  const std::vector<uint8_t> short_mask(3);
  EXPECT_THROW(select_slots({scores, short_mask, 3, 0, 0}), Error);
}

// The definition: a full sort of what is not forced.
Slots by_sorting(const std::vector<float>& scores, const std::vector<uint8_t>& pinned, int64_t budget,
                 int64_t sinks, int64_t recent) {
  const auto n = static_cast<int64_t>(scores.size());
  Slots order(n);
  std::iota(order.begin(), order.end(), 0);
  const auto forced = [&](int32_t i) { return i < sinks || i >= n - recent || pinned[i] != 0; };
  std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
    if (forced(a) != forced(b)) return forced(a);
    return !forced(a) && scores[a] > scores[b];
  });
  order.resize(std::min(n, budget));
  std::sort(order.begin(), order.end());
  return order;
}

TEST(SelectSlotsRandom, EqualsAFullSort) {
  std::mt19937 random(7);
  for (int trial = 0; trial < 3000; ++trial) {
    const int n = 1 + static_cast<int>(random() % 200);
    std::vector<float> scores(n);
    std::vector<uint8_t> pinned(n);
    int64_t pins = 0;
    for (int i = 0; i < n; ++i) {
      scores[i] = static_cast<float>(random() % 20) - 10;  // many ties
      pinned[i] = random() % 16 == 0;
      pins += pinned[i];
    }
    const int64_t sinks = random() % 5, recent = random() % 9;
    const int64_t budget = sinks + recent + pins + 1 + static_cast<int64_t>(random() % n);
    ASSERT_EQ(select_slots({scores, pinned, budget, sinks, recent}),
              by_sorting(scores, pinned, budget, sinks, recent))
        << "trial " << trial;
  }
}

}  // namespace
}  // namespace kvcompress
