#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::max
#include <cmath>      // std::abs
#include <random>     // std::mt19937

#include "policy/recipe.h"

namespace kvcompress {
namespace {

std::shared_ptr<const ScorePolicy> policy(const std::string& score) {
  return parse_recipe("score: " + score + "\nbudget: {tokens: 5000, recent: 4096}\n", "test").score;
}

std::vector<float> score(const std::string& text, const ScoreInput& input) {
  std::vector<float> out(input.slots, -99.0f);
  policy(text)->score(input, out);
  return out;
}

TEST(Recency, ScoreIsThePosition) {
  const std::vector<int32_t> positions = {0, 3, 900};
  ScoreInput input;
  input.slots = 3;
  input.positions = positions;
  EXPECT_EQ(score("recency", input), (std::vector<float>{0, 3, 900}));
  EXPECT_TRUE(policy("recency")->per_slot());
  EXPECT_FALSE(policy("recency")->needs().key_norms);
}

TEST(KeyNorm, LowOrHigh) {
  const std::vector<float> norms = {3, 1, 2};
  ScoreInput input;
  input.slots = 3;
  input.key_norms = norms;
  EXPECT_EQ(score("key_norm", input), (std::vector<float>{-3, -1, -2}));
  EXPECT_EQ(score("{kind: key_norm, keep: high}", input), norms);
  EXPECT_TRUE(policy("key_norm")->needs().key_norms);
  EXPECT_TRUE(policy("key_norm")->per_slot());
}

// Two query heads, six slots, the last two of which are the window's.
const std::vector<float> kWeights = {8, 0, 0, 4, 1, 1,  //
                                     0, 2, 0, 0, 1, 1};
ScoreInput window_input() {
  ScoreInput input;
  input.slots = 6;
  input.group = 2;
  input.window_weights = kWeights;
  input.window_queries = 2;
  return input;
}

struct WindowCase {
  const char* parameters;
  std::vector<float> prefix;  // of the four slots before the window
};

class AttentionWindow : public testing::TestWithParam<WindowCase> {};

TEST_P(AttentionWindow, Scores) {
  const std::string text = std::string("{kind: attention_window, window: 2, ") + GetParam().parameters + "}";
  const std::vector<float> scores = score(text, window_input());
  float best = 0;
  for (int i = 0; i < 4; ++i) {
    EXPECT_NEAR(scores[i], GetParam().prefix[i], 1e-6) << i;
    best = std::max(best, scores[i]);
  }
  // The window is not ranked: it has the best score there is, no larger number.
  EXPECT_EQ(scores[4], best);
  EXPECT_EQ(scores[5], best);
}

// Means over the two queries: head 0: 4 0 0 2, head 1: 0 1 0 0.
INSTANTIATE_TEST_SUITE_P(
    Table, AttentionWindow,
    testing::Values(
        WindowCase{"pool: none, group: mean", {2, 0.5, 0, 1}},
        WindowCase{"pool: none, group: sum", {4, 1, 0, 2}},
        WindowCase{"pool: none, group: max", {4, 1, 0, 2}},
        WindowCase{"pool: max, kernel: 1, group: sum", {4, 1, 0, 2}},
        // head 0 pooled: 4 4 2 2, head 1 pooled: 1 1 1 0
        WindowCase{"pool: max, kernel: 3, group: sum", {5, 5, 3, 2}},
        // summed: 4 1 0 2
        WindowCase{"pool: max, kernel: 3, group: sum, order: reduce_then_pool", {4, 4, 2, 2}},
        WindowCase{"pool: avg, kernel: 3, group: sum", {5.0f / 3, 5.0f / 3, 1, 2.0f / 3}},
        WindowCase{"pool: avg, kernel: 3, group: sum, order: reduce_then_pool",
                   {5.0f / 3, 5.0f / 3, 1, 2.0f / 3}},
        WindowCase{"pool: avg, kernel: 3, group: sum, count_padding: false", {2.5, 5.0f / 3, 1, 1}},
        WindowCase{"pool: avg, kernel: 9, group: mean", {3.5f / 9, 3.5f / 9, 3.5f / 9, 3.5f / 9}}));

TEST(AttentionWindowEdges, ShorterThanTheWindow) {
  ScoreInput input = window_input();
  input.window_queries = 6;
  EXPECT_EQ(score("attention_window", input), std::vector<float>(6, 0.0f));
}

TEST(AttentionWindowEdges, WrongShapeIsAnError) {
  ScoreInput input = window_input();
  input.group = 3;
  EXPECT_THROW(score("attention_window", input), Error);
  input = window_input();
  input.window_queries = 0;
  EXPECT_THROW(score("attention_window", input), Error);
}

TEST(AttentionWindowEdges, NeedsItsWindow) {
  EXPECT_EQ(policy("{kind: attention_window, window: 64}")->needs().attention_window, 64);
  EXPECT_FALSE(policy("attention_window")->per_slot());
}

// kvpress: mean over the queries, avg_pool1d(kernel 5, padding 2) over the prefix alone, mean over the group.
TEST(AttentionWindowKvpress, EqualsItsDefinition) {
  std::mt19937 random(3);
  const int slots = 50, group = 3, window = 8, prefix = slots - window;
  std::vector<float> weights(slots * group);
  for (float& weight : weights) weight = static_cast<float>(random() % 1000) / 1000;
  ScoreInput input;
  input.slots = slots;
  input.group = group;
  input.window_weights = weights;
  input.window_queries = window;
  const std::vector<float> scores =
      score("{kind: attention_window, window: 8, pool: avg, kernel: 5, group: mean}", input);
  for (int i = 0; i < prefix; ++i) {
    double sum = 0;
    for (int g = 0; g < group; ++g) {
      for (int j = i - 2; j <= i + 2; ++j) sum += j >= 0 && j < prefix ? weights[g * slots + j] : 0;
    }
    EXPECT_NEAR(scores[i], sum / window / 5 / group, 1e-6) << i;
  }
}

}  // namespace
}  // namespace kvcompress
