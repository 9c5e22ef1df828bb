#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::sort
#include <numeric>    // std::accumulate
#include <random>     // std::mt19937

#include "policy/answers.h"
#include "policy/budget/joint.h"

namespace kvcompress {
namespace {

HeadSelection head_of(std::vector<float> scores, int64_t recent = 0) {
  HeadSelection head;
  head.forced.assign(scores.size(), 0);
  std::fill(head.forced.end() - recent, head.forced.end(), 1);
  head.input.slots = static_cast<int>(scores.size());
  head.scores = std::move(scores);
  return head;
}

std::vector<HeadSelection> random_heads(int heads, int slots, int64_t recent, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<HeadSelection> out;
  for (int h = 0; h < heads; ++h) {
    std::vector<float> scores(slots);
    for (float& score : scores) score = static_cast<float>(random() % 100'000) / static_cast<float>(h + 1);
    out.push_back(head_of(scores, recent));
  }
  return out;
}

std::vector<int64_t> shared(const std::string& answer, const std::vector<HeadSelection>& heads,
                            int32_t budget, int unit = 1) {
  const BudgetSettings settings = budget_of("tokens: 9999, heads: " + answer);
  return share_by_score(settings, heads, std::vector<int32_t>(heads.size(), budget), unit);
}

int64_t sum(const std::vector<int64_t>& parts) {
  return std::accumulate(parts.begin(), parts.end(), int64_t{0});
}

TEST(BestPerRow, CountsAndTies) {
  const std::vector<std::vector<float>> rows = {{5, 1, 1}, {4, 1, 3}, {1, 1, 1}};
  EXPECT_EQ(best_per_row(rows, 3), (std::vector<int64_t>{1, 2, 0}));
  EXPECT_EQ(best_per_row(rows, 5), (std::vector<int64_t>{3, 2, 0}));  // ties go to the first rows
  EXPECT_EQ(best_per_row(rows, 99), (std::vector<int64_t>{3, 3, 3}));
  EXPECT_EQ(best_per_row(rows, 0), (std::vector<int64_t>{0, 0, 0}));
  EXPECT_THROW(best_per_row(std::vector<std::vector<float>>{{1, NAN}}, 1), Error);
}

// AdaKV: alpha 1 is equal; identical heads have equal budgets; sums are exact.
TEST(Ada, EndsOfAlpha) {
  const std::vector<HeadSelection> heads = random_heads(3, 400, 32, 1);
  for (const char* form : {"paper", "safeguard"}) {
    const std::string answer = std::string("{kind: ada, form: ") + form;
    EXPECT_EQ(shared(answer + ", alpha: 1}", heads, 132), (std::vector<int64_t>{132, 132, 132}));
    const std::vector<int64_t> free = shared(answer + ", alpha: 0}", heads, 132);
    EXPECT_EQ(sum(free), 396);
    std::vector<std::vector<float>> rows;
    for (const HeadSelection& head : heads) rows.push_back(competing_scores(head));
    const std::vector<int64_t> best = best_per_row(rows, 300);
    EXPECT_GT(best[0], best[2]);
    for (int h = 0; h < 3; ++h) EXPECT_EQ(free[h], best[h] + 32) << form;
    const std::vector<HeadSelection> alike = {heads[1], heads[1], heads[1]};
    EXPECT_EQ(shared(answer + "}", alike, 132), (std::vector<int64_t>{132, 132, 132}));
  }
}

// Two heads of four slots, two each: 9 8 7 6 and 5 4 3 2. All four best are the first head's.
TEST(Ada, FormsByHand) {
  const std::vector<HeadSelection> heads = {head_of({9, 8, 7, 6}), head_of({5, 4, 3, 2})};
  // paper: (1 - 0.5) * (4, 0) + 0.5 * 2 = (3, 1).
  EXPECT_EQ(shared("{kind: ada, alpha: 0.5}", heads, 2), (std::vector<int64_t>{3, 1}));
  // safeguard: int(2 * 0.5) = 1 each, the other two to 8 and 7.
  EXPECT_EQ(shared("{kind: ada, form: safeguard, alpha: 0.5}", heads, 2), (std::vector<int64_t>{3, 1}));
  // int(2 * 0.2) = 0, but a guard above 0 is at least one slot.
  EXPECT_EQ(shared("{kind: ada, form: safeguard, alpha: 0.2}", heads, 2), (std::vector<int64_t>{3, 1}));
  // Forced slots are the first of the safe ones: the second head has its 2 forced, no more.
  const std::vector<HeadSelection> forced = {head_of({9, 8, 7, 6}), head_of({5, 4, 3, 2}, 2)};
  EXPECT_EQ(shared("{kind: ada, form: safeguard, alpha: 0.5}", forced, 3), (std::vector<int64_t>{4, 2}));
}

// kvpress 0.5.5, AdaKVPress, recomputed as it does: safe slots by a score above all, the lowest of all
// removed.
TEST(Ada, SafeguardEqualsKvpress) {
  for (uint32_t seed = 0; seed < 20; ++seed) {
    const int slots = 384, window = 64, kept = 192;
    const std::vector<HeadSelection> heads = random_heads(3, slots, window, seed);
    std::vector<std::pair<float, int>> all;
    for (int h = 0; h < 3; ++h) {
      std::vector<float> scores = heads[h].scores;
      std::fill(scores.end() - window, scores.end(), 1e6f);  // the window has the best score
      std::sort(scores.begin(), scores.end(), std::greater<>());
      std::fill(scores.begin(), scores.begin() + static_cast<int>(kept * 0.2), 1e9f);
      for (const float score : scores) all.emplace_back(-score, h);
    }
    std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<int64_t> wanted(3);
    for (int i = 0; i < 3 * kept; ++i) ++wanted[all[i].second];
    EXPECT_EQ(shared("{kind: ada, form: safeguard}", heads, kept), wanted) << seed;
  }
}

TEST(Ada, NormaliseSkipAndBeforeTheScores) {
  // The first head's mass lies in its two best, the second's is even: its scores count for half.
  const std::vector<HeadSelection> heads = {head_of({9, 8, 0, 0}), head_of({10, 10, 10, 10})};
  EXPECT_EQ(shared("{kind: ada, alpha: 0}", heads, 2), (std::vector<int64_t>{1, 3}));
  EXPECT_EQ(shared("{kind: ada, alpha: 0, normalise: true}", heads, 2), (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(shared("{kind: ada, alpha: 0, skip: 1}", heads, 2), (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(plan_budget(budget_of("tokens: 50, heads: ada"), sizes_of(2, 3, 1000)),
            std::vector<int32_t>(6, 50));
}

// Heads hold what was shared before: the sum of the plan still holds, not the lesser of each head.
TEST(Ada, RaggedHeadsKeepTheSum) {
  std::vector<HeadSelection> heads = random_heads(2, 151, 8, 3);
  heads[1] = head_of(std::vector<float>(51, 1.0f), 8);
  EXPECT_EQ(sum(shared("ada", heads, 100)), 200);
  EXPECT_EQ(sum(shared("ada", heads, 500)), 202);
}

TEST(ShareByScore, TenThousandRandomSums) {
  std::mt19937 random(21);
  const std::vector<std::string> answers = {"ada", "{kind: ada, form: safeguard}", "{kind: ada, alpha: 0}",
                                            "{kind: ada, normalise: true, alpha: 0.7}", "equal"};
  std::vector<BudgetSettings> settings;
  for (const std::string& answer : answers) settings.push_back(budget_of("tokens: 9, heads: " + answer));
  for (int trial = 0; trial < 10'000; ++trial) {
    const int count = 1 + static_cast<int>(random() % 8), unit = random() % 4 == 0 ? 16 : 1;
    std::vector<HeadSelection> heads;
    int64_t held = 0, forced = 0;
    for (int h = 0; h < count; ++h) {
      const int slots = 1 + static_cast<int>(random() % 120);
      const auto recent = static_cast<int64_t>(random() % std::min(slots, 9));
      std::vector<float> scores(slots);
      for (float& score : scores) score = static_cast<float>(random() % 50) - 10;
      heads.push_back(head_of(scores, recent));
      held += (slots + unit - 1) / unit;
      forced += (std::max<int64_t>(recent, 1) + unit - 1) / unit;
    }
    const auto each = static_cast<int32_t>((1 + random() % 8) * 16);
    const std::vector<int64_t> parts =
        share_by_score(settings[trial % settings.size()], heads, std::vector<int32_t>(count, each), unit);
    int64_t all_slots = 0;
    for (const HeadSelection& head : heads) all_slots += static_cast<int64_t>(head.scores.size());
    const int64_t wanted = std::min<int64_t>(each / unit * count, (all_slots + unit - 1) / unit);
    ASSERT_EQ(sum(parts), std::clamp(wanted, forced, held) * unit) << "trial " << trial;
  }
}

TEST(LayersByScore, WeightsAreTheNumbersOfTheBest) {
  const std::vector<std::vector<HeadSelection>> layers = {
      {head_of({9, 1, 1}), head_of({8, 1, 1})}, {}, {head_of({7, 6, 5, 0}, 1)}};
  EXPECT_EQ(layer_weights_by_score(layers, 5), (std::vector<double>{2, 1e-9, 3}));
  EXPECT_EQ(layer_weights_by_score(layers, 6), (std::vector<double>{2, 1e-9, 4}));
  BudgetInput input = sizes_of(3, 2, 100);
  const std::vector<double> weights = {2, 1, 1};
  input.layer_weights = weights;
  EXPECT_EQ(plan_budget(budget_of("tokens: 12, layers: by_score"), input),
            (std::vector<int32_t>{18, 18, 9, 9, 9, 9}));
}

Calibration table_of(const std::string& kind, const std::string& name, std::vector<int64_t> shape,
                     const std::vector<float>& values) {
  Calibration profile;
  profile.kind = kind;
  profile.arrays[name] = {std::move(shape), values};
  return profile;
}

std::vector<int32_t> plan_with(const std::string& budget, BudgetInput input, const Calibration& profile) {
  input.head_calibration = &profile;
  return plan_budget(budget_of(budget), input);
}

// HeadKV section 3: b = S * pool + base, b the capacity less the window.
TEST(Importance, ByHand) {
  BudgetInput input = sizes_of(2, 2, 100'000);
  input.group = 2;
  const Calibration profile =
      table_of("head_importance", "retrieval", {2, 4}, {1, 3, 0, 0, 2, 0, 1, 1});  // of groups: 2 0 1 1
  // b = 108 - 8 = 100, 50 in the pool of 4 heads = 200: half, none, a quarter, a quarter; 50 + 8 each of its
  // own.
  EXPECT_EQ(plan_with("tokens: 108, recent: 8, heads: {kind: importance, table: retrieval, beta: 2}", input,
                      profile),
            (std::vector<int32_t>{158, 58, 108, 108}));
  // Squared and brought to 1 again: 4, 0, 1, 1 of 6.
  EXPECT_EQ(
      plan_with(
          "tokens: 108, recent: 8, heads: {kind: importance, table: retrieval, beta: 2, temperature: 2}",
          input, profile),
      (std::vector<int32_t>{192, 58, 91, 91}));
  EXPECT_THROW(plan_with("tokens: 108, heads: importance", input, profile), InputError);  // another table
}

// A flat table is equal; what short prompts cannot fill goes back to the other heads.
TEST(Importance, FlatAndCapped) {
  const std::vector<float> flat(3 * 6, 0.25f);
  BudgetInput input = sizes_of(3, 2, 100'000);
  input.group = 3;
  const Calibration even = table_of("head_importance", "importance", {3, 6}, flat);
  EXPECT_EQ(plan_with("tokens: 77, recent: 8, heads: importance", input, even), std::vector<int32_t>(6, 77));
  std::vector<float> skewed = flat;
  skewed[7] = 50;
  const Calibration straggler = table_of("head_importance", "importance", {3, 6}, skewed);
  input.tokens_seen = 120;
  const std::vector<int32_t> plan = plan_with("tokens: 77, recent: 8, heads: importance", input, straggler);
  EXPECT_EQ(std::accumulate(plan.begin(), plan.end(), 0), 6 * 77);
  EXPECT_EQ(plan[2], 120);
  skewed.assign(skewed.size(), 0);
  EXPECT_THROW(plan_with("tokens: 77, heads: importance", input,
                         table_of("head_importance", "importance", {3, 6}, skewed)),
               InputError);
}

TEST(Duo, ClassesWithoutAnAmount) {
  const Calibration profile = table_of("duo", "retrieval", {2, 2}, {0.9f, 0.1f, 0.5f, 0.2f});
  const std::string budget = "sinks: 4, recent: 12, heads: duo";
  EXPECT_EQ(plan_with(budget, sizes_of(2, 2, 1000), profile), (std::vector<int32_t>{1000, 16, 1000, 16}));
  EXPECT_EQ(
      plan_with("sinks: 4, recent: 12, heads: {kind: duo, streaming: 0.25}", sizes_of(2, 2, 1000), profile),
      (std::vector<int32_t>{1000, 16, 1000, 1000}));
  const BudgetSettings settings = budget_of(budget);
  EXPECT_EQ(settings.unit, BudgetSettings::Unit::rule);
  const HeadLimit streaming = limit_now(settings, 0, 2, 0, 16, 900);
  EXPECT_EQ(streaming.slots, 16);
  EXPECT_EQ(streaming.sinks, 4);
  EXPECT_EQ(streaming.recent, 12);
  EXPECT_EQ(limit_now(settings, 0, 2, 0, 1000, 900).slots, 900);
}

TEST(Duo, AnAmountIsSpentInOrder) {
  const Calibration profile = table_of("duo", "retrieval", {2, 2}, {0.9f, 0.1f, 0.5f, 0.2f});
  // 4 x 40 = 160: 16 each, 84 more for the first (all 100 seen), the last 12 for the next.
  EXPECT_EQ(plan_with("tokens: 40, sinks: 4, recent: 12, heads: duo", sizes_of(2, 2, 100), profile),
            (std::vector<int32_t>{100, 16, 28, 16}));
}

// Sizes, ranks and tables at random; the input points into it.
struct RandomCase {
  explicit RandomCase(std::mt19937& random) {
    const int layers = 1 + static_cast<int>(random() % 40), heads = 1 + static_cast<int>(random() % 8);
    input = sizes_of(layers, heads, 1 + static_cast<int64_t>(random() % 20'000));
    input.group = 1 + static_cast<int>(random() % 4);
    std::vector<float> ranks(layers), table(static_cast<size_t>(layers) * heads * input.group);
    for (float& rank : ranks) rank = static_cast<float>(1 + random() % 1000) / 1000;
    for (float& value : table) value = static_cast<float>(1 + random() % 1000);
    key_ranks.assign(ranks.begin(), ranks.end());
    layer_profile = table_of("rank", "rank", {layers}, ranks);
    head_profile = table_of("head_importance", "importance", {layers, heads * input.group}, table);
    table.resize(static_cast<size_t>(layers) * heads);
    head_profile.arrays["retrieval"] = {{layers, heads}, table};
    input.key_ranks = key_ranks;
    input.layer_calibration = &layer_profile;
    input.head_calibration = &head_profile;
  }

  int64_t pages() const { return (input.tokens_seen + 63) / 64; }

  BudgetInput input;
  std::vector<double> key_ranks;
  Calibration layer_profile, head_profile;
};

std::vector<BudgetSettings> every_answer() {
  const std::vector<std::string> layer_answers = {"uniform",
                                                  "pyramid",
                                                  "{kind: pyramid, form: kvpress}",
                                                  "decay",
                                                  "by_score",
                                                  "adaptive_length",
                                                  "{kind: knots, layers: [0, 5], shares: [0.9, 0.05]}",
                                                  "rank",
                                                  "{kind: rank, times: pyramid, alpha: 0.4}",
                                                  "{kind: rank, statistic: profile, order: inverse}",
                                                  "{kind: rank, strategy: softmax, order: random}"};
  std::vector<BudgetSettings> settings;
  for (const std::string& layers : layer_answers) {
    for (const char* heads : {"equal", "ada", "importance", "duo"}) {
      settings.push_back(budget_of("tokens: 9, layers: " + layers + ", heads: " + heads));
    }
  }
  return settings;
}

// Random sizes, amounts, floors and caps: the sum is what was asked for.
TEST(PlanBudget, TenThousandRandomSumsOfEveryAnswer) {
  std::mt19937 random(31);
  const std::vector<BudgetSettings> settings = every_answer();
  for (int trial = 0; trial < 10'000; ++trial) {
    BudgetSettings budget = settings[trial % settings.size()];
    const RandomCase sizes(random);
    const int layers = sizes.input.layers, heads = sizes.input.kv_heads;
    budget.sinks = random() % 5;
    budget.recent = random() % 33;
    if (random() % 3 == 0) budget.skip_layers = {static_cast<int64_t>(random() % layers)};
    const auto limited = static_cast<int64_t>(layers - budget.skip_layers.size()) * heads;
    const int64_t skipped_pages = (static_cast<int64_t>(layers) * heads - limited) * sizes.pages();
    const bool bytes = random() % 3 == 0;
    budget.unit = bytes ? BudgetSettings::Unit::bytes : BudgetSettings::Unit::tokens;
    budget.tokens = budget.sinks + budget.recent + 1 + random() % 3000;
    budget.bytes = (skipped_pages + limited) * 1000 + static_cast<int64_t>(random() % 10'000'000);
    const std::vector<int32_t> plan = plan_budget(budget, sizes.input);
    int64_t total = 0;
    for (int i = 0; i < layers * heads; ++i) {
      if (budget.skips(i / heads)) continue;
      ASSERT_GE(plan[i], std::max<int64_t>(1, budget.sinks + budget.recent)) << "trial " << trial;
      total += plan[i];
    }
    const int64_t pages = std::min(budget.bytes / 1000 - skipped_pages, limited * sizes.pages());
    const int64_t wanted = limited == 0 ? 0 : bytes ? pages * 64 : budget.tokens * limited;
    ASSERT_EQ(total, wanted) << "trial " << trial << ": " << budget.layers << ", " << budget.heads;
  }
}

}  // namespace
}  // namespace kvcompress
