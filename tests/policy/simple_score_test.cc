// Scores that are a few operations on what the engine hands over.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::max_element
#include <set>        // std::set

#include "policy/score_head.h"  // scores_of, layer_scores_of

namespace kvcompress {
namespace {

TEST(RandomScore, DependsOnSeedLayerHeadAndPositionAlone) {
  const std::vector<int32_t> all = {0, 1, 2, 3, 900}, some = {1, 900};
  ScoreInput input;
  input.slots = 5;
  input.positions = all;
  const std::vector<float> scores = scores_of("random", input);
  EXPECT_EQ(scores, scores_of("random", input));
  ScoreInput evicted = input;
  evicted.slots = 2;
  evicted.positions = some;
  EXPECT_EQ(scores_of("random", evicted), (std::vector<float>{scores[1], scores[4]}));
  EXPECT_NE(scores, scores_of("{kind: random, seed: 1}", input));
  input.kv_head = 1;
  EXPECT_NE(scores, scores_of("random", input));
  input.kv_head = 0;
  input.layer = 1;
  EXPECT_NE(scores, scores_of("random", input));
  EXPECT_TRUE(policy_of("random")->per_slot());
}

TEST(RandomScore, IsUniform) {
  std::vector<int32_t> positions(20000);
  for (int i = 0; i < 20000; ++i) positions[i] = i;
  ScoreInput input;
  input.slots = 20000;
  input.positions = positions;
  const std::vector<float> scores = scores_of("random", input);
  std::vector<int> bins(10);
  for (const float score : scores) {
    ASSERT_TRUE(score >= 0 && score < 1);
    ++bins[static_cast<int>(score * 10)];
  }
  for (const int count : bins) EXPECT_NEAR(count, 2000, 200);
  EXPECT_GT(std::set<float>(scores.begin(), scores.end()).size(), 19900u);
}

// Two KV heads of two query heads, three slots; the newest is the last.
TEST(LastQueryScore, IsTheMeanOverAllHeadsOfTheLayer) {
  const std::vector<float> first = {8, 0, 9, 4, 2, 9}, second = {1, 1, 9, 3, 1, 9};
  const std::vector<int32_t> positions = {0, 1, 2};
  std::vector<ScoreInput> heads(2);
  for (ScoreInput& head : heads) {
    head.slots = 3;
    head.group = 2;
    head.window_queries = 1;
    head.positions = positions;
  }
  heads[0].window_weights = first;
  heads[1].window_weights = second;
  const auto scores = layer_scores_of("last_query", heads);
  EXPECT_EQ(scores[0], (std::vector<float>{4, 1, 2}));
  EXPECT_EQ(scores[1], scores[0]);
  EXPECT_EQ(scores_of("last_query", heads[0]), (std::vector<float>{6, 1, 2}));
  EXPECT_EQ(policy_of("last_query")->needs().attention_window, 1);
  heads[0].window_queries = 2;
  EXPECT_THROW(layer_scores_of("last_query", heads), Error);
}

TEST(LastQueryScore, HeadsThatHoldDifferentTokens) {
  const std::vector<float> first = {0.5f, 0.25f, 0.25f}, second = {0.75f, 0.25f};
  const std::vector<int32_t> all = {0, 4, 7}, some = {4, 7};
  std::vector<ScoreInput> heads(2);
  heads[0].slots = 3;
  heads[0].positions = all;
  heads[0].window_weights = first;
  heads[1].slots = 2;
  heads[1].positions = some;
  heads[1].window_weights = second;
  for (ScoreInput& head : heads) head.window_queries = 1;
  const auto scores = layer_scores_of("last_query", heads);
  EXPECT_EQ(scores[0], (std::vector<float>{0.25f, 0.5f, 2}));
  EXPECT_EQ(scores[1], (std::vector<float>{0.5f, 2}));
}

TEST(LastQueryScore, OneToken) {
  const std::vector<float> weights = {1};
  const std::vector<int32_t> positions = {0};
  ScoreInput input;
  input.slots = 1;
  input.window_queries = 1;
  input.window_weights = weights;
  input.positions = positions;
  EXPECT_EQ(scores_of("last_query", input), std::vector<float>{2});
}

struct LiteCase {
  const char* parameters;
  std::vector<float> norms, scores;
};

class SnapkvLiteScore : public testing::TestWithParam<LiteCase> {};

TEST_P(SnapkvLiteScore, Scores) {
  const LiteCase& c = GetParam();
  ScoreInput input;
  input.slots = static_cast<int>(c.norms.size());
  input.key_norms = c.norms;
  const std::vector<float> scores =
      scores_of(std::string("{kind: snapkv_lite, ") + c.parameters + "}", input);
  for (size_t i = 0; i < scores.size(); ++i) EXPECT_NEAR(scores[i], c.scores[i], 2e-6) << i;
}

// The largest norm of the prefix {5 2 5 8} is 8, so before pooling: 3 6 3 0.
INSTANTIATE_TEST_SUITE_P(
    Table, SnapkvLiteScore,
    testing::Values(LiteCase{"window: 2, kernel: 1", {5, 2, 5, 8, 99, 0}, {3, 6, 3, 0, 6, 6}},
                    LiteCase{"window: 2, kernel: 3", {5, 2, 5, 8, 99, 0}, {3, 4, 3, 1, 4, 4}},
                    LiteCase{"window: 2, kernel: 3, count_padding: false",
                             {5, 2, 5, 8, 99, 0},
                             {4.5f, 4, 3, 1.5f, 4.5f, 4.5f}},
                    LiteCase{"window: 2, kernel: 5", {5, 2, 5, 8, 99, 0}, {3, 6, 3, 0, 6, 6}},  // too short
                    LiteCase{"window: 0, kernel: 1", {5, 2}, {0, 3}},
                    LiteCase{"window: 2", {5, 2}, {0, 0}},         // n = window
                    LiteCase{"window: 32", {5, 2, 1}, {0, 0, 0}},  // n < window
                    LiteCase{"window: 0", {4}, {0}},
                    LiteCase{"window: 1, kernel: 3", {4, 4, 4, 4, 4}, {0, 0, 0, 0, 0}}));

TEST(SnapkvLiteScore, WhatItAsksFor) {
  EXPECT_TRUE(policy_of("snapkv_lite")->needs().key_norms);
  EXPECT_TRUE(policy_of("snapkv_lite")->keeps_window());
  EXPECT_FALSE(policy_of("snapkv_lite")->per_slot());
  EXPECT_THROW(policy_of("{kind: snapkv_lite, kernel: 4}"), UsageError);
  ScoreInput input;
  input.slots = 3;
  EXPECT_THROW(scores_of("snapkv_lite", input), Error);
}

struct SumsCase {
  const char* parameters;
  std::vector<float> first, second;
};

class AttentionSumsScore : public testing::TestWithParam<SumsCase> {};

// Four tokens seen, of which positions 0, 1 and 3 are held, by two KV heads of two query heads.
TEST_P(AttentionSumsScore, Scores) {
  const std::vector<float> first = {4, 3, 1}, second = {8, 6, 3};
  const std::vector<int32_t> positions = {0, 1, 3};
  std::vector<ScoreInput> heads(2);
  for (ScoreInput& head : heads) {
    head.slots = 3;
    head.group = 2;
    head.tokens_seen = 4;
    head.positions = positions;
  }
  heads[0].attention_sums = first;
  heads[1].attention_sums = second;
  const auto scores =
      layer_scores_of(std::string("{kind: attention_sums, ") + GetParam().parameters + "}", heads);
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(scores[0][i], GetParam().first[i], 1e-6) << i;
    EXPECT_NEAR(scores[1][i], GetParam().second[i], 1e-6) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Table, AttentionSumsScore,
    testing::Values(SumsCase{"decay: 1", {2, 1.5f, 0.5f}, {4, 3, 1.5f}},
                    SumsCase{"normalise: count", {0.5f, 0.5f, 0.5f}, {1, 1, 1.5f}},
                    SumsCase{"scope: layer", {3, 2.25f, 1}, {3, 2.25f, 1}},
                    SumsCase{"scope: layer, normalise: count", {0.75f, 0.75f, 1}, {0.75f, 0.75f, 1}},
                    // Counts 1 + 1/2 + 1/4 + 1/8, 1 + 1/2 + 1/4 and 1.
                    SumsCase{"decay: 0.5, normalise: count",
                             {2 / 1.875f, 1.5f / 1.75f, 0.5f},
                             {4 / 1.875f, 3 / 1.75f, 1.5f}}));

TEST(AttentionSumsScore, WhatItAsksFor) {
  EXPECT_TRUE(policy_of("attention_sums")->needs().attention_sums);
  EXPECT_EQ(policy_of("attention_sums")->needs().attention_decay, 1);
  EXPECT_EQ(policy_of("{kind: attention_sums, decay: 0.9}")->needs().attention_decay, 0.9);
}

TEST(ReplayScore, IsWhatTheReplayLookedAt) {
  const std::vector<float> replay = {0.5f, 0, 0.75f};
  ScoreInput input;
  input.slots = 3;
  input.replay = replay;
  EXPECT_EQ(scores_of("replay", input), replay);
  const ScoreNeeds needs = policy_of("{kind: replay, chunk: 512, normalised: true}")->needs();
  EXPECT_EQ(needs.replay_chunk, 512);
  EXPECT_TRUE(needs.replay_normalised);
  EXPECT_EQ(policy_of("replay")->needs().replay_chunk, 2048);
  input.slots = 2;
  EXPECT_THROW(scores_of("replay", input), Error);
}

TEST(GateScore, IsTheGatesOutput) {
  const std::vector<float> gate = {-3, -7};
  ScoreInput input;
  input.slots = 2;
  input.gate = gate;
  EXPECT_EQ(scores_of("gate", input), gate);
  EXPECT_TRUE(policy_of("gate")->needs().gate);
  EXPECT_EQ(policy_of("gate")->calibration_kind(), "gate");
  input.gate = {};
  EXPECT_THROW(scores_of("gate", input), Error);
}

// Two query heads, the last of three slots is the window's one query's own.
TEST(AttentionWindowScore, SumsAndNormalisedHeads) {
  const std::vector<float> weights = {6, 2, 1, 0, 0.5f, 1};
  ScoreInput input;
  input.slots = 3;
  input.group = 2;
  input.window_queries = 1;
  input.window_weights = weights;
  const std::string start = "{kind: attention_window, window: 4, pool: none, ";
  EXPECT_EQ(scores_of(start + "normalise: true}", input), (std::vector<float>{0.375f, 0.625f, 0.625f}));
  EXPECT_EQ(scores_of(start + "group: sum}", input), (std::vector<float>{6, 2.5f, 6}));
  const std::vector<float> nothing(6, 0.0f);
  input.window_weights = nothing;
  EXPECT_EQ(scores_of(start + "normalise: true}", input), (std::vector<float>{0, 0, 0}));
  const std::vector<float> two = {6, 2, 1, 1};
  input.slots = 4;
  input.group = 1;
  input.window_queries = 2;
  input.window_weights = two;
  EXPECT_EQ(scores_of(start + "queries: mean}", input), (std::vector<float>{3, 1, 3, 3}));
  EXPECT_EQ(scores_of(start + "queries: sum}", input), (std::vector<float>{6, 2, 6, 6}));
}

}  // namespace
}  // namespace kvcompress
