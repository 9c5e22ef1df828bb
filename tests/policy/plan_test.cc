#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>    // std::exp
#include <numeric>  // std::accumulate
#include <random>   // std::mt19937

#include "policy/budget.h"
#include "policy/budget/apportion.h"

namespace kvcompress {
namespace {

using Unit = BudgetSettings::Unit;

BudgetSettings tokens(int64_t count) {
  BudgetSettings settings;
  settings.unit = Unit::tokens;
  settings.tokens = count;
  return settings;
}

BudgetSettings share(double of_seen, const std::string& rounding = "down") {
  BudgetSettings settings;
  settings.unit = Unit::share;
  settings.share = of_seen;
  settings.rounding = rounding;
  return settings;
}

BudgetSettings bytes(int64_t count) {
  BudgetSettings settings;
  settings.unit = Unit::bytes;
  settings.bytes = count;
  return settings;
}

std::string message_of(const BudgetSettings& settings, const BudgetInput& input) {
  try {
    plan_budget(settings, input);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

BudgetInput sizes(int layers, int kv_heads, int64_t seen) {
  BudgetInput input;
  input.layers = layers;
  input.kv_heads = kv_heads;
  input.tokens_seen = seen;
  input.page_bytes = 1000;
  input.page_slots = 64;
  return input;
}

TEST(PlanBudget, NoneKeepsEverything) {
  EXPECT_EQ(plan_budget({}, sizes(2, 2, 700)), std::vector<int32_t>(4, 700));
}

TEST(PlanBudget, TokensAreTheSameForEveryHead) {
  EXPECT_EQ(plan_budget(tokens(512), sizes(3, 2, 7000)), std::vector<int32_t>(6, 512));
  // Not capped by what has been seen: the budget is for later too.
  EXPECT_EQ(plan_budget(tokens(512), sizes(1, 1, 10)), std::vector<int32_t>(1, 512));
}

TEST(PlanBudget, SharesRound) {
  const auto planned = [](double keep, const char* rounding, int64_t seen) {
    return plan_budget(share(keep, rounding), sizes(1, 1, seen)).front();
  };
  EXPECT_EQ(planned(0.25, "down", 1003), 250);
  EXPECT_EQ(planned(0.25, "up", 1003), 251);
  EXPECT_EQ(planned(0.25, "nearest", 1003), 251);
  EXPECT_EQ(planned(0.25, "nearest", 1001), 250);
  EXPECT_EQ(planned(0.29, "down", 100), 29);  // 0.29 * 100 is below 29 in binary
  EXPECT_EQ(planned(0.07, "up", 100), 7);     // 0.07 * 100 is above 7 in binary
  EXPECT_EQ(planned(1, "down", 100), 100);
  EXPECT_EQ(planned(0.001, "down", 100), 1);  // never nothing
}

TEST(PlanBudget, KvpressRoundingIsItsArithmetic) {
  const auto planned = [](double keep, int64_t seen) {
    return plan_budget(share(keep, "kvpress"), sizes(1, 1, seen)).front();
  };
  EXPECT_EQ(planned(0.5, 384), 192);
  EXPECT_EQ(planned(0.25, 384), 96);
  EXPECT_EQ(planned(0.1, 100), 9);  // ratio 0.9: int(100 * 0.09999999999999998)
  EXPECT_EQ(planned(0.5, 1), 1);
}

TEST(PlanBudget, ShareHoldsSinksAndRecentOnShortPrompts) {
  BudgetSettings settings = share(0.25);
  settings.sinks = 4;
  settings.recent = 32;
  EXPECT_EQ(plan_budget(settings, sizes(1, 1, 60)).front(), 36);
  EXPECT_EQ(plan_budget(settings, sizes(1, 1, 400)).front(), 100);
}

TEST(PlanBudget, SkippedAndWindowedLayersHaveNoLimit) {
  BudgetSettings settings = tokens(8);
  settings.skip_layers = {0, 2};
  const std::vector<int32_t> windows = {0, 0, 0, 256};
  BudgetInput input = sizes(4, 2, 1000);
  input.sliding_window = windows;
  EXPECT_EQ(plan_budget(settings, input), (std::vector<int32_t>{1000, 1000, 8, 8, 1000, 1000, 1000, 1000}));
}

TEST(PlanBudget, BytesAreWholePages) {
  // 13 pages for 2 x 3 heads: 2 each, and the first of the remainder by index.
  EXPECT_EQ(plan_budget(bytes(13'999), sizes(2, 3, 7000)),
            (std::vector<int32_t>{192, 128, 128, 128, 128, 128}));
}

TEST(PlanBudget, BytesPayForLayersWithoutALimit) {
  BudgetSettings settings = bytes(20'000);
  settings.skip_layers = {0};
  const std::vector<int32_t> windows = {0, 100, 0};
  BudgetInput input = sizes(3, 1, 640);
  input.sliding_window = windows;
  // Layer 0 holds 10 pages, layer 1 its window of 2 and one that it slides into: 7 are left.
  EXPECT_EQ(plan_budget(settings, input), (std::vector<int32_t>{640, 640, 7 * 64}));
}

TEST(PlanBudgetErrors, NameTheSmallestPossible) {
  EXPECT_NE(message_of(bytes(5'999), sizes(2, 3, 7000)).find("expected bytes of at least 6000"),
            std::string::npos);
  EXPECT_EQ(message_of(bytes(6'000), sizes(2, 3, 7000)), "no error");
  BudgetSettings forced = bytes(6'000);
  forced.recent = 65;
  EXPECT_NE(message_of(forced, sizes(2, 3, 7000)).find("expected bytes of at least 12000"),
            std::string::npos);
}

TEST(PlanBudgetErrors, TokensBelowTheForced) {
  BudgetSettings settings = tokens(35);
  settings.sinks = 4;
  settings.recent = 32;
  const std::string message = message_of(settings, sizes(1, 1, 100));
  EXPECT_NE(message.find("expected tokens of at least 36 (sinks 4 + recent 32), got 35"), std::string::npos)
      << message;
  EXPECT_NE(message_of(tokens(0), sizes(1, 1, 9)).find("at least 1"), std::string::npos);
  EXPECT_NE(message_of(tokens(-3), sizes(1, 1, 9)).find("got -3"), std::string::npos);
  EXPECT_NE(message_of(share(0), sizes(1, 1, 9)).find("got 0"), std::string::npos);
  EXPECT_NE(message_of(share(1.5), sizes(1, 1, 9)).find("got 1.5"), std::string::npos);
}

TEST(PlanBudgetErrors, LayersTheModelLacks) {
  BudgetSettings settings = tokens(8);
  settings.skip_layers = {30};
  const std::string message = message_of(settings, sizes(30, 1, 100));
  EXPECT_NE(message.find("skip_layers of 0..29 (the model's layers), got 30"), std::string::npos) << message;
}

TEST(PlanBudgetErrors, UnknownShares) {
  BudgetSettings settings = tokens(8);
  settings.layers = "unifrom";
  EXPECT_NE(message_of(settings, sizes(1, 1, 9)).find("did you mean 'uniform'?"), std::string::npos);
}

// Any sum that the floors and caps allow is met exactly.
TEST(PlanBudget, TenThousandRandomSums) {
  std::mt19937 random(11);
  for (int trial = 0; trial < 10'000; ++trial) {
    const int layers = 1 + static_cast<int>(random() % 40), heads = 1 + static_cast<int>(random() % 8);
    BudgetInput input = sizes(layers, heads, 1 + static_cast<int64_t>(random() % 20'000));
    BudgetSettings settings = random() % 2 == 0 ? tokens(1 + random() % 3000) : bytes(0);
    settings.sinks = random() % 5;
    settings.recent = random() % 33;
    if (random() % 3 == 0) settings.skip_layers = {static_cast<int64_t>(random() % layers)};
    const auto limited = static_cast<int64_t>(layers - settings.skip_layers.size()) * heads;
    const int64_t skipped_pages =
        (static_cast<int64_t>(layers) * heads - limited) * ((input.tokens_seen + 63) / 64);
    if (settings.unit == Unit::tokens) settings.tokens += settings.sinks + settings.recent;
    settings.bytes = (skipped_pages + limited) * 1000 + static_cast<int64_t>(random() % 10'000'000);
    // No more bytes than the text fills.
    const int64_t pages =
        std::min(settings.bytes / 1000 - skipped_pages, limited * ((input.tokens_seen + 63) / 64));
    const std::vector<int32_t> plan = plan_budget(settings, input);
    int64_t sum = 0;
    for (int layer = 0; layer < layers; ++layer) {
      if (settings.skips(layer)) continue;
      for (int head = 0; head < heads; ++head) sum += plan[layer * heads + head];
    }
    const int64_t wanted = settings.unit == Unit::tokens ? settings.tokens * limited
                           : limited == 0                ? 0
                                                         : pages * 64;
    ASSERT_EQ(sum, wanted) << "trial " << trial;
  }
}

TEST(Apportion, TenThousandRandomSums) {
  std::mt19937 random(12);
  for (int trial = 0; trial < 10'000; ++trial) {
    const size_t parts = 1 + random() % 40;
    std::vector<double> weights(parts);
    std::vector<int64_t> floors(parts), caps(parts);
    for (size_t i = 0; i < parts; ++i) {
      weights[i] = std::exp(static_cast<double>(random() % 1000) / 100 - 5);
      floors[i] = random() % 50;
      caps[i] = floors[i] + random() % 3000;
    }
    const int64_t least = std::accumulate(floors.begin(), floors.end(), int64_t{0});
    const int64_t most = std::accumulate(caps.begin(), caps.end(), int64_t{0});
    const int64_t total = least + static_cast<int64_t>(random() % static_cast<uint64_t>(most - least + 1));
    const std::vector<int64_t> shares = apportion(total, weights, floors, caps);
    ASSERT_EQ(std::accumulate(shares.begin(), shares.end(), int64_t{0}), total) << "trial " << trial;
    for (size_t i = 0; i < parts; ++i) {
      ASSERT_GE(shares[i], floors[i]);
      ASSERT_LE(shares[i], caps[i]);
      // Water-filling: of two parts off their bounds, the heavier never gets less.
      for (size_t j = 0; j < parts; ++j) {
        const bool free = shares[i] < caps[i] && shares[j] > floors[j];
        if (free && weights[i] >= weights[j]) {
          ASSERT_GE(shares[i] + 1, shares[j]);
        }
      }
    }
  }
}

TEST(Apportion, Table) {
  const auto shared = [](int64_t total, std::vector<double> weights, int64_t floor, int64_t cap) {
    const std::vector<int64_t> floors(weights.size(), floor), caps(weights.size(), cap);
    return apportion(total, weights, floors, caps);
  };
  EXPECT_EQ(shared(10, {1, 1, 1}, 0, 100), (std::vector<int64_t>{4, 3, 3}));
  EXPECT_EQ(shared(100, {1, 2, 7}, 0, 100), (std::vector<int64_t>{10, 20, 70}));
  EXPECT_EQ(shared(10, {1, 1, 8}, 2, 100), (std::vector<int64_t>{2, 2, 6}));  // floors come off the third
  EXPECT_EQ(shared(12, {1, 1, 8}, 0, 6), (std::vector<int64_t>{3, 3, 6}));    // what the cap frees is shared
  EXPECT_EQ(shared(1000, {1, 1, 8}, 0, 6), (std::vector<int64_t>{6, 6, 6}));  // no more than the caps
  EXPECT_EQ(shared(0, {1, 1, 8}, 2, 6), (std::vector<int64_t>{2, 2, 2}));     // no less than the floors
}

int64_t slots_to_keep(const BudgetSettings& settings, int layer, int32_t sliding_window, int64_t budget,
                      int64_t held) {
  return limit_now(settings, layer, /*layers=*/4, sliding_window, budget, held).slots;
}

TEST(SlotsToKeep, Table) {
  BudgetSettings settings = tokens(100);
  EXPECT_EQ(slots_to_keep(settings, 0, 0, 100, 100), 100);
  EXPECT_EQ(slots_to_keep(settings, 0, 0, 100, 101), 100);
  settings.trigger = 150;
  EXPECT_EQ(slots_to_keep(settings, 0, 0, 100, 150), 150);
  EXPECT_EQ(slots_to_keep(settings, 0, 0, 100, 151), 100);
  settings.skip_layers = {1};
  EXPECT_EQ(slots_to_keep(settings, 1, 0, 100, 900), 900);
  EXPECT_EQ(slots_to_keep(settings, 0, /*sliding_window=*/64, 100, 900), 900);
  BudgetSettings held = share(0.3, "up");
  held.of = "held";
  EXPECT_EQ(slots_to_keep(held, 0, 0, /*budget=*/5000, 101), 31);
  EXPECT_EQ(slots_to_keep({}, 0, 0, 1, 900), 900);
}

}  // namespace
}  // namespace kvcompress
