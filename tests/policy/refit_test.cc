// Refits against the definition: what attention over the kept tokens gives for the reference queries.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>   // std::exp, std::abs
#include <random>  // std::mt19937

#include "policy/recipe.h"  // parse_recipe

namespace kvcompress {
namespace {

std::shared_ptr<const RefitPolicy> refit(const std::string& parameters) {
  return parse_recipe("score: {kind: random, refit: {kind: attention_matching" + parameters +
                          "}}\nbudget: {tokens: 64, decode: grow}\n",
                      "test")
      .refit;
}

struct Head {
  int slots = 40, group = 2, width = 8, queries = 3;
  float scale = 0.35F;
  std::vector<int32_t> positions, query_positions, kept;
  std::vector<float> keys, values, rows;

  explicit Head(uint32_t seed = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    const auto fill = [&](std::vector<float>& out, int count) {
      for (int i = 0; i < count; ++i) out.push_back(normal(random));
    };
    fill(keys, slots * width);
    fill(values, slots * width);
    fill(rows, queries * group * width);
    for (int slot = 0; slot < slots; ++slot) positions.push_back(3 * slot);
    for (int i = 0; i < queries; ++i) query_positions.push_back(positions.back() + i);
    for (int slot = 0; slot < slots; ++slot) {
      if (slot % 4 != 1) kept.push_back(slot);
    }
  }

  RefitInput input() const {
    return {slots, group, width, scale, positions, keys, values, rows, query_positions, kept};
  }

  // Unnormalised weight of a slot for a row of queries.
  double weight(int row, int slot) const {
    if (positions[slot] > query_positions[row / group]) return 0;
    double dot = 0;
    for (int c = 0; c < width; ++c) dot += double{rows[row * width + c]} * keys[slot * width + c];
    return std::exp(dot * scale);
  }
  // Sum of the weights and [width] of the output: of all slots, or of the kept ones with a refit.
  std::pair<double, std::vector<double>> attended(int row, const Refitted* fitted) const {
    double sum = 0;
    std::vector<double> output(width);
    const int count = fitted != nullptr ? static_cast<int>(kept.size()) : slots;
    for (int i = 0; i < count; ++i) {
      const int slot = fitted != nullptr ? kept[i] : i;
      const double w = weight(row, slot) * (fitted != nullptr ? std::exp(double{fitted->bias[i]}) : 1);
      const bool own = fitted != nullptr && !fitted->values.empty();
      const float* value = own ? &fitted->values[i * width] : &values[slot * width];
      sum += w;
      for (int c = 0; c < width; ++c) output[c] += w * value[c];
    }
    for (double& x : output) x /= sum;
    return {sum, output};
  }
  double worst_mass(const Refitted& fitted) const {
    double worst = 0;
    for (int row = 0; row < queries * group; ++row) {
      worst = std::max(worst, std::abs(attended(row, &fitted).first / attended(row, nullptr).first - 1));
    }
    return worst;
  }
  double worst_output(const Refitted& fitted) const {
    double worst = 0;
    for (int row = 0; row < queries * group; ++row) {
      const auto got = attended(row, &fitted).second, wanted = attended(row, nullptr).second;
      for (int c = 0; c < width; ++c) worst = std::max(worst, std::abs(got[c] - wanted[c]));
    }
    return worst;
  }
};

Refitted untouched(const Head& head) { return {std::vector<float>(head.kept.size()), {}}; }

TEST(AttentionMatching, MendsMassAndOutputOfTheReferenceQueries) {
  for (const uint32_t seed : {1U, 2U, 3U}) {
    const Head head(seed);
    const Refitted fitted = refit(", ridge: 0.000001, most: 10")->refit(head.input());
    ASSERT_EQ(fitted.bias.size(), head.kept.size());
    ASSERT_EQ(fitted.values.size(), head.kept.size() * head.width);
    EXPECT_GT(head.worst_mass(untouched(head)), 0.1);
    EXPECT_LT(head.worst_mass(fitted), 1e-3);
    EXPECT_GT(head.worst_output(untouched(head)), 0.05);
    EXPECT_LT(head.worst_output(fitted), 1e-3);
  }
}

TEST(AttentionMatching, BiasesAloneMendTheMass) {
  const Head head;
  const Refitted fitted = refit(", ridge: 0.000001, most: 10, values: false")->refit(head.input());
  EXPECT_TRUE(fitted.values.empty());
  EXPECT_LT(head.worst_mass(fitted), 1e-3);
}

TEST(AttentionMatching, ChangesNothingWhereNothingIsGone) {
  Head head;
  head.kept.clear();
  for (int slot = 0; slot < head.slots; ++slot) head.kept.push_back(slot);
  const Refitted fitted = refit("")->refit(head.input());
  for (const float bias : fitted.bias) EXPECT_NEAR(bias, 0, 1e-6);
  for (size_t i = 0; i < fitted.values.size(); ++i) EXPECT_NEAR(fitted.values[i], head.values[i], 1e-5);
}

TEST(AttentionMatching, SeesNoTokensAfterAQuery) {
  Head head;
  head.query_positions = {30, 31, 33};  // slots up to 10 or 11
  const Refitted fitted = refit(", ridge: 0.000001, most: 1")->refit(head.input());
  for (size_t i = 0; i < head.kept.size(); ++i) {
    if (head.positions[head.kept[i]] <= 33) continue;
    EXPECT_EQ(fitted.bias[i], 0) << i;
    for (int c = 0; c < head.width; ++c) {
      EXPECT_EQ(fitted.values[i * head.width + c], head.values[head.kept[i] * head.width + c]);
    }
  }
  EXPECT_LT(head.worst_output(fitted), 1e-3);
}

TEST(AttentionMatching, RidgeAndBoundSoften) {
  const Head head;
  const Refitted firm = refit(", ridge: 1000")->refit(head.input());
  const Refitted free = refit(", ridge: 0.1")->refit(head.input());
  const Refitted bounded = refit(", ridge: 0.000001, most: 0.05")->refit(head.input());
  double firm_sum = 0, free_sum = 0;
  for (size_t i = 0; i < firm.bias.size(); ++i) {
    firm_sum += std::abs(firm.bias[i]);
    free_sum += std::abs(free.bias[i]);
    EXPECT_LE(std::abs(bounded.bias[i]), 0.05 + 1e-6);
  }
  EXPECT_LT(firm_sum, 0.01 * free_sum);
  EXPECT_LT(head.worst_mass(free), head.worst_mass(firm));
}

TEST(AttentionMatching, RefusesSizesThatDoNotFit) {
  Head head;
  head.values.pop_back();
  EXPECT_THROW(refit("")->refit(head.input()), Error);
  Head none;
  none.kept.clear();
  EXPECT_THROW(refit("")->refit(none.input()), Error);
}

TEST(AttentionMatching, IsPartOfARecipe) {
  const Recipe recipe = parse_recipe(
      "score: {kind: random, refit: {kind: attention_matching, queries: 17}}\n"
      "budget: {tokens: 64, decode: grow}\n",
      "test");
  EXPECT_EQ(recipe.needs().refit_queries, 17);
  EXPECT_NE(describe(recipe).find("attention_matching refit"), std::string::npos);
  const Recipe again = parse_recipe(to_yaml(recipe), "again");
  EXPECT_EQ(again.needs().refit_queries, 17);
  EXPECT_EQ(to_yaml(again), to_yaml(recipe));
  EXPECT_EQ(parse_recipe("score: random\nbudget: {tokens: 64}\n", "test").refit, nullptr);
}

}  // namespace
}  // namespace kvcompress
