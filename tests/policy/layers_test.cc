#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::is_sorted, std::sort
#include <cmath>      // std::exp
#include <numeric>    // std::accumulate

#include "base/random.h"  // Random
#include "policy/answers.h"
#include "policy/budget/key_rank.h"

namespace kvcompress {
namespace {

std::vector<int32_t> plan(const std::string& budget, const BudgetInput& input) {
  return plan_budget(budget_of(budget), input);
}

int64_t sum(const std::vector<int32_t>& numbers) {
  return std::accumulate(numbers.begin(), numbers.end(), int64_t{0});
}

std::string problem_of(const std::string& budget) {
  try {
    budget_of(budget);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

// The seed library's pyramid_kv, base 512, decay 0.9, minimum 64, 32 layers.
const std::vector<int32_t> kDecay = {512, 460, 414, 373, 335, 302, 272, 244, 220, 198, 178,
                                     160, 144, 130, 117, 105, 94,  85,  76,  69,  64,  64,
                                     64,  64,  64,  64,  64,  64,  64,  64,  64,  64};

TEST(Decay, VectorOfTheSeedLibrary) {
  EXPECT_EQ(plan("layers: decay", sizes_of(32, 1, 5000)), kDecay);
  const double mean = static_cast<double>(std::accumulate(kDecay.begin() + 2, kDecay.end(), 0)) / 30;
  EXPECT_NEAR(mean, 142.8, 0.05);
  const std::vector<int32_t> wide =
      plan("layers: {kind: decay, base: 1024, min: 128}", sizes_of(32, 1, 5000));
  EXPECT_NEAR(static_cast<double>(std::accumulate(wide.begin() + 2, wide.end(), 0)) / 30, 285.9, 0.05);
}

TEST(Decay, Profiles) {
  const auto first_last = [](const char* profile) {
    const std::string budget = std::string("layers: {kind: decay, profile: ") + profile + "}";
    const std::vector<int32_t> slots = plan(budget, sizes_of(8, 1, 5000));
    return std::vector<int32_t>{slots.front(), slots[4], slots.back()};
  };
  EXPECT_EQ(first_last("linear"), (std::vector<int32_t>{512, 256, 64}));  // the divisor is layers - 1
  EXPECT_EQ(first_last("constant"), (std::vector<int32_t>{512, 512, 512}));
  EXPECT_EQ(first_last("exponential"), (std::vector<int32_t>{512, 335, 244}));
}

TEST(Decay, WithAnAmountTheSizesAreWeights) {
  const std::vector<int32_t> slots = plan("tokens: 142, layers: decay", sizes_of(32, 1, 5000));
  EXPECT_EQ(sum(slots), 142 * 32);
  for (size_t layer = 0; layer < slots.size(); ++layer) {
    EXPECT_NEAR(slots[layer], kDecay[layer] * 142.0 * 32 / std::accumulate(kDecay.begin(), kDecay.end(), 0.0),
                1);
  }
  // Sinks and recent slots follow from the size then too; the recipe's own are a floor.
  const HeadLimit limit = limit_now(budget_of("tokens: 142, layers: decay"), 0, 32, 0, 400, 500);
  EXPECT_EQ(limit.slots, 400);
  EXPECT_EQ(limit.sinks, 4);
  EXPECT_EQ(limit.recent, 200);
  const HeadLimit own = limit_now(budget_of("tokens: 142, sinks: 10, layers: decay"), 0, 32, 0, 400, 500);
  EXPECT_EQ(own.sinks, 10);
  EXPECT_EQ(own.recent, 200);
}

TEST(Decay, RecentOfTheRecipeRaisesTheLimit) {
  const HeadLimit limit = limit_now(budget_of("recent: 100, layers: decay"), 31, 32, 0, 100, 500);
  EXPECT_EQ(limit.slots, 100);
  EXPECT_EQ(limit.recent, 100);
  EXPECT_EQ(limit.sinks, 0);
}

// One call on n slots, the defaults: not monotone, as published.
TEST(AdaptiveLength, PublishedCurve) {
  const std::vector<std::pair<int64_t, int64_t>> rows = {{256, 256},  {300, 259},  {400, 315}, {512, 358},
                                                         {640, 384},  {768, 384},  {900, 357}, {1000, 318},
                                                         {1024, 307}, {1025, 512}, {9000, 512}};
  const BudgetSettings settings = budget_of("layers: adaptive_length");
  for (const auto& [held, kept] : rows) {
    EXPECT_EQ(limit_now(settings, 0, 4, 0, kept, held).slots, kept) << held;
  }
}

TEST(AdaptiveLength, MonotoneCurveNeverFalls) {
  const BudgetSettings settings = budget_of("layers: {kind: adaptive_length, form: monotone}");
  int64_t last = 0;
  for (int64_t seen = 1; seen < 4000; ++seen) {
    const int64_t kept = plan_budget(settings, sizes_of(1, 1, seen)).front();
    ASSERT_GE(kept, last);
    ASSERT_LE(kept, last + 1);
    ASSERT_LE(kept, std::min<int64_t>(seen, 512));
    last = kept;
  }
  EXPECT_EQ(last, 512);
  // 256 + 0.9 * 384 - 384^2 / 1536 * 0.6 = 544 > 512 at 640 tokens; 256 + 0.9 * 128 - 128^2 / 1536 * 0.6 at
  // 384.
  EXPECT_EQ(plan_budget(settings, sizes_of(1, 1, 640)).front(), 512);
  EXPECT_EQ(plan_budget(settings, sizes_of(1, 1, 384)).front(), 364);
}

TEST(AdaptiveLength, Errors) {
  EXPECT_NE(
      problem_of("layers: {kind: adaptive_length, soft: 2000}").find("soft: expected less than hard 1024"),
      std::string::npos);
  EXPECT_NE(problem_of("layers: {kind: adaptive_length, keep_min: 0.95}").find("at most keep_max 0.9"),
            std::string::npos);
  EXPECT_NE(
      problem_of("layers: {kind: adaptive_length, target: 100, form: monotone}").find("at least soft 256"),
      std::string::npos);
}

// PyramidKV: the sum is exact, budgets never rise, for N in {C, 2b - 1, 2b, large}.
TEST(Pyramid, SumsAreExactAndNeverRise) {
  for (const char* form : {"paper", "kvpress"}) {
    for (const int64_t capacity : {64, 128, 513, 2048}) {
      for (const int layers : {1, 2, 7, 32}) {
        const int64_t b = capacity - 8;
        for (const int64_t seen : {capacity, 2 * b - 1, 2 * b, 2 * b + 9, int64_t{100'000}}) {
          const std::string budget = "tokens: " + std::to_string(capacity) +
                                     ", recent: 8, layers: {kind: pyramid, form: " + form + "}";
          const std::vector<int32_t> slots = plan(budget, sizes_of(layers, 1, seen));
          ASSERT_EQ(sum(slots), capacity * layers) << form << " " << capacity << " " << layers << " " << seen;
          ASSERT_TRUE(std::is_sorted(slots.rbegin(), slots.rend()));
          ASSERT_GE(slots.back(), 8);
          ASSERT_LE(slots.front(), std::max(seen, capacity));
        }
      }
    }
  }
}

// arXiv:2406.02069: C 2048, window 8, beta 20, 32 layers: 2b - lo = 3978 down to floor(2040 / 20) = 102.
TEST(Pyramid, PaperEnds) {
  const std::vector<int32_t> slots =
      plan("tokens: 2048, recent: 8, layers: pyramid", sizes_of(32, 1, 100'000));
  EXPECT_EQ(slots.front(), 3978 + 8);
  EXPECT_EQ(slots.back(), 102 + 8);
  // Shorter than twice the ranked slots: every layer the same.
  EXPECT_EQ(plan("tokens: 2048, recent: 8, layers: pyramid", sizes_of(32, 1, 4079)),
            std::vector<int32_t>(32, 2048));
  // Just long enough for the schedule: the first layer keeps all, N - W + W.
  const std::vector<int32_t> capped = plan("tokens: 2048, recent: 8, layers: pyramid", sizes_of(32, 1, 4080));
  EXPECT_EQ(capped.front(), 3978 + 8);
  EXPECT_EQ(plan("tokens: 520, recent: 8, layers: pyramid", sizes_of(4, 1, 1024)).front(), 999 + 8);
}

// kvpress 0.5.5 at 384 tokens, 30 layers, window 64: round(320 - layer * 256 / 29) at a ratio of 0.5; at 0.75
// the last layer would be below the window, so every layer has 96.
TEST(Pyramid, KvpressNumbers) {
  const std::string half = "keep: 50%, rounding: kvpress, recent: 64, layers: {kind: pyramid, form: kvpress}";
  const std::vector<int32_t> slots = plan(half, sizes_of(30, 3, 384));
  for (int layer = 0; layer < 30; ++layer) {
    for (int head = 0; head < 3; ++head) {
      EXPECT_EQ(slots[layer * 3 + head], std::nearbyint(320 - layer * 256.0 / 29)) << layer;
    }
  }
  const std::string quarter =
      "keep: 25%, rounding: kvpress, recent: 64, layers: {kind: pyramid, form: kvpress}";
  EXPECT_EQ(plan(quarter, sizes_of(30, 3, 384)), std::vector<int32_t>(90, 96));
}

TEST(Knots, LinearAndStep) {
  const auto weights = [](const std::string& rest) {
    LayerShareInput input;
    input.layers = 8;
    return layers_of("{kind: knots, layers: [1, 5], shares: [0.4, 0.2]" + rest + "}")->weights(input);
  };
  const std::vector<double> linear = weights("");
  const std::vector<double> wanted = {0.4, 0.4, 0.35, 0.3, 0.25, 0.2, 0.2, 0.2};
  for (size_t i = 0; i < wanted.size(); ++i) EXPECT_NEAR(linear[i], wanted[i], 1e-12) << i;
  EXPECT_EQ(weights(", interpolation: step"), (std::vector<double>{0.4, 0.4, 0.4, 0.4, 0.4, 0.2, 0.2, 0.2}));
}

// The 8x configuration of the hybrid source, 28 layers: its shares average 0.222, so that budgets of that
// average are its k_l = int(8192 * r_l), to the one slot that rounding may move.
TEST(Knots, HybridConfiguration) {
  const std::string knots = "layers: {kind: knots, layers: [0, 7, 14, 21], shares: [0.45, 0.28, 0.18, 0.12]}";
  LayerShareInput input;
  input.layers = 28;
  const std::vector<double> shares =
      layers_of("{kind: knots, layers: [0, 7, 14, 21], shares: [0.45, 0.28, 0.18, 0.12]}")->weights(input);
  const double mean = std::accumulate(shares.begin(), shares.end(), 0.0) / 28;
  EXPECT_NEAR(mean, 0.222, 0.0005);
  const auto tokens = static_cast<int64_t>(mean * 8192);
  const std::vector<int32_t> slots =
      plan("tokens: " + std::to_string(tokens) + ", " + knots, sizes_of(28, 1, 8192));
  EXPECT_EQ(sum(slots), tokens * 28);
  for (int layer = 0; layer < 28; ++layer) EXPECT_NEAR(slots[layer], 8192 * shares[layer], 2) << layer;
}

TEST(Knots, Errors) {
  EXPECT_NE(problem_of("tokens: 9, layers: {kind: knots, layers: [1, 1], shares: [0.5, 0.5]}")
                .find("ascending, got 1 after 1"),
            std::string::npos);
  EXPECT_NE(problem_of("tokens: 9, layers: {kind: knots, layers: [1, 2], shares: [0.5]}")
                .find("one for each of 2 layers, got 1"),
            std::string::npos);
  EXPECT_NE(problem_of("tokens: 9, layers: {kind: knots, shares: [1.5]}").find("expected a list of numbers"),
            std::string::npos);
  EXPECT_NE(problem_of("tokens: 9, layers: {kind: knots, priority: [1]}")
                .find("priority: expected a setting that changes the cache"),
            std::string::npos);
}

// The profile shipped with RankKV for Pythia-2.8b, to four digits.
const std::vector<float> kProfile = {.5855f, .6866f, .5519f, .2612f, .3971f, .2411f, .1333f, .1961f,
                                     .2304f, .2545f, .3314f, .1719f, .2160f, .2018f, .3358f, .1394f,
                                     .1931f, .1157f, .1618f, .1550f, .1407f, .1563f, .1598f, .1718f,
                                     .1249f, .1460f, .1224f, .1722f, .1972f, .1346f, .2324f, .1542f};

Calibration profile_of(const std::vector<float>& ranks) {
  Calibration profile;
  profile.kind = "rank";
  profile.arrays["rank"] = {{static_cast<int64_t>(ranks.size())}, ranks};
  return profile;
}

std::vector<int32_t> ranked(int64_t tokens, const std::string& rest, int64_t seen,
                            const std::vector<float>& ranks = kProfile) {
  const Calibration profile = profile_of(ranks);
  BudgetInput input = sizes_of(static_cast<int>(ranks.size()), 1, seen);
  input.layer_calibration = &profile;
  return plan("tokens: " + std::to_string(tokens) + ", recent: 32, layers: {kind: rank, statistic: profile" +
                  rest + "}",
              input);
}

// The source's vectors come from the profile in full precision and from its own repair of the sum, so a slot
// or two apart; the sums are exact.
TEST(Rank, ProportionalVectors) {
  const std::vector<int32_t> source = {642, 753, 606, 287, 436, 265, 146, 215, 253, 280, 364,
                                       188, 237, 222, 369, 152, 211, 126, 177, 169, 154, 171,
                                       175, 188, 136, 160, 134, 188, 217, 147, 255, 169};
  const std::vector<int32_t> slots = ranked(256, "", 100'000);
  EXPECT_EQ(sum(slots), 8192);
  for (size_t layer = 0; layer < source.size(); ++layer) EXPECT_NEAR(slots[layer], source[layer], 1) << layer;
  const std::vector<int32_t> twice = ranked(512, "", 100'000);
  EXPECT_EQ(sum(twice), 16384);
  EXPECT_NEAR(twice[1], 1506, 1);
  EXPECT_NEAR(*std::min_element(twice.begin(), twice.end()), 253, 1);
  const std::vector<int32_t> four = ranked(1024, "", 100'000);
  EXPECT_NEAR(four[0], 2568, 2);
  EXPECT_NEAR(four[1], 3012, 2);
  EXPECT_NEAR(four[2], 2421, 2);
  EXPECT_NEAR(four[4], 1742, 2);
}

// Where the source loses what exceeds the text (29169 of 32768), the rest is shared among the other layers.
TEST(Rank, WhatTheTextCannotFillGoesToOtherLayers) {
  const std::vector<int32_t> slots = ranked(1024, "", 1536);
  EXPECT_EQ(sum(slots), 32768);
  EXPECT_EQ(*std::max_element(slots.begin(), slots.end()), 1536);
}

TEST(Rank, Strategies) {
  const std::vector<float> ranks = {0.1f, 0.2f, 0.3f, 0.4f};
  // Quarters at 0.175 and 0.325: 0.5, 1, 1, 1.5 of 4.
  EXPECT_EQ(ranked(400, ", strategy: adaptive", 100'000, ranks), (std::vector<int32_t>{200, 400, 400, 600}));
  // 1 : 4 : 9 : 16 of 30 in 1600.
  EXPECT_EQ(ranked(400, ", strategy: power", 100'000, ranks), (std::vector<int32_t>{54, 213, 480, 853}));
  EXPECT_EQ(ranked(400, ", strategy: power, exponent: 1", 100'000, ranks),
            (std::vector<int32_t>{160, 320, 480, 640}));
  const std::vector<int32_t> soft = ranked(400, ", strategy: softmax", 100'000, ranks);
  const double total = std::exp(.1) + std::exp(.2) + std::exp(.3) + std::exp(.4);
  for (int i = 0; i < 4; ++i) EXPECT_NEAR(soft[i], 1600 * std::exp(ranks[i]) / total, 1);
  // Cold, the largest rank takes all but the others' windows.
  EXPECT_EQ(ranked(400, ", strategy: softmax, temperature: 0.001", 100'000, ranks),
            (std::vector<int32_t>{32, 32, 32, 1504}));
  EXPECT_EQ(ranked(400, ", alpha: 0", 100'000, ranks), std::vector<int32_t>(4, 400));
  // Half way between even and proportional.
  EXPECT_EQ(ranked(400, ", alpha: 0.5", 100'000, ranks), (std::vector<int32_t>{280, 360, 440, 520}));
}

TEST(Rank, OrdersAreTheSameBudgetsElsewhere) {
  const std::vector<int32_t> straight = ranked(256, "", 100'000);
  const std::vector<int32_t> inverse = ranked(256, ", order: inverse", 100'000);
  const std::vector<int32_t> shuffled = ranked(256, ", order: random", 100'000);
  const auto sorted = [](std::vector<int32_t> slots) {
    std::sort(slots.begin(), slots.end());
    return slots;
  };
  for (const std::vector<int32_t>& other : {inverse, shuffled}) {
    EXPECT_NE(other, straight);
    EXPECT_EQ(sum(other), 8192);
    const std::vector<int32_t> a = sorted(other), b = sorted(straight);
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1);
  }
  EXPECT_NEAR(inverse[17], 753, 1);  // the smallest rank has the largest budget
  EXPECT_NEAR(inverse[1], 126, 1);
  EXPECT_EQ(ranked(256, ", order: random", 100'000), shuffled);
  EXPECT_NE(ranked(256, ", order: random, seed: 43", 100'000), shuffled);
}

// final = normalise(schedule x statistic): equal ranks leave the pyramid, and the other way round.
TEST(Rank, TimesThePyramid) {
  const std::vector<float> even(16, 0.5f);
  EXPECT_EQ(ranked(256, ", times: pyramid", 100'000, even),
            plan("tokens: 256, recent: 32, layers: pyramid", sizes_of(16, 1, 100'000)));
  const std::vector<float> ranks = {0.1f, 0.4f};
  // 256: 224 ranked, 437 and 11 with the window: 469 x 0.1 against 43 x 0.4.
  const std::vector<int32_t> both = ranked(256, ", times: pyramid", 100'000, ranks);
  EXPECT_EQ(sum(both), 512);
  EXPECT_NEAR(both[0], 512 * 46.9 / (46.9 + 17.2), 1);
}

TEST(Rank, OfThePrompt) {
  const BudgetSettings settings = budget_of("tokens: 100, skip_layers: [0], layers: rank");
  EXPECT_TRUE(settings.layer_shares->needs_key_ranks());
  BudgetInput input = sizes_of(4, 1, 1000);
  EXPECT_EQ(plan_budget(settings, input), (std::vector<int32_t>{1000, 100, 100, 100}));  // before the prompt
  const std::vector<double> ranks = {0, 0.1, 0.2, 0.3};
  input.key_ranks = ranks;
  EXPECT_EQ(plan_budget(settings, input), (std::vector<int32_t>{1000, 50, 100, 150}));
}

TEST(Rank, RefusesAProfileThatDoesNotFit) {
  const Calibration profile = profile_of({0.5f, 0.0f});
  BudgetInput input = sizes_of(2, 1, 1000);
  input.layer_calibration = &profile;
  const BudgetSettings settings = budget_of("tokens: 100, layers: {kind: rank, statistic: profile}");
  EXPECT_EQ(settings.layer_shares->calibration_kind(), "rank");
  EXPECT_THROW(plan_budget(settings, input), InputError);
  input.layers = 3;
  EXPECT_THROW(plan_budget(settings, input), InputError);
}

TEST(KeyRank, KnownSpectra) {
  std::vector<float> identity(16 * 16, 0);
  for (int i = 0; i < 16; ++i) identity[i * 17] = 3;
  EXPECT_NEAR(key_rank(identity, 16, 16), 1, 1e-12);
  std::vector<float> same(100 * 8);
  for (int i = 0; i < 800; ++i) same[i] = static_cast<float>(i % 8 + 1) * (i % 3 == 0 ? 1.0f : 1.0f);
  EXPECT_NEAR(key_rank(same, 100, 8), 1.0 / 8, 1e-9);
  // Rows (1, 0) and (0.5, 0.5): exp of the entropy of its two singular values is 1.8031.
  EXPECT_NEAR(key_rank(std::vector<float>{1, 0, .5f, .5f}, 2, 2), .9016, 5e-5);
  EXPECT_NEAR(key_rank(std::vector<float>(12, 0.0f), 3, 4), 1.0 / 3, 1e-12);  // all 0
  EXPECT_NEAR(key_rank(std::vector<float>{2, 1}, 1, 2), 1, 1e-12);            // one slot has one direction
  EXPECT_THROW(key_rank(std::vector<float>{2, 1}, 2, 2), Error);
  EXPECT_THROW(key_rank(std::vector<float>{NAN, 1}, 1, 2), Error);
}

TEST(KeyRank, GrowsWithTheDirections) {
  Random random(3);
  std::vector<float> directions(64 * 64);
  random.fill_normal(directions);
  double last = 0;
  for (const int count : {1, 4, 16, 64}) {
    std::vector<float> keys(1000 * 64, 0), weights(count);
    for (int slot = 0; slot < 1000; ++slot) {
      random.fill_normal(weights);
      for (int i = 0; i < count; ++i) {
        for (int d = 0; d < 64; ++d) keys[slot * 64 + d] += weights[i] * directions[i * 64 + d];
      }
    }
    const double rank = key_rank(keys, 1000, 64);
    EXPECT_GT(rank, last);
    EXPECT_LE(rank, static_cast<double>(count) / 64 + 1e-6);
    last = rank;
  }
}

}  // namespace
}  // namespace kvcompress
