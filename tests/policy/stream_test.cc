// Every preset on a stream, one token at a time, against its definition written out as a full sort. The cache
// here is a list of tokens; what is tested is what the policies decide.
#include "policy/stream.h"  // Head, evict, region_plan

#include <gtest/gtest.h>

#include <algorithm>   // std::sort
#include <cmath>       // std::ceil
#include <functional>  // std::function
#include <random>      // std::mt19937

#include "policy/recipe.h"

namespace kvcompress {
namespace {

struct StreamCase {
  const char* name;
  RecipeRequest request;
  std::function<Head(const Head&)> definition;
  int first_limited_layer;
};

class Stream : public testing::TestWithParam<StreamCase> {};

TEST_P(Stream, KeepsWhatTheDefinitionKeepsAfterEachToken) {
  const Recipe recipe = resolve_recipe(GetParam().request);
  ASSERT_TRUE(recipe.budget.hold);
  const int layer = GetParam().first_limited_layer;
  std::mt19937 random(5);
  Head ours, theirs, skipped;
  for (int32_t t = 0; t < 1999; ++t) {
    // Few different norms, so that ties are common.
    const Token token{t, static_cast<float>(random() % 300)};
    for (Head* head : {&ours, &theirs, &skipped}) head->push_back(token);
    evict(recipe, {layer}, t + 1, ours);
    theirs = GetParam().definition(theirs);
    ASSERT_EQ(ours, theirs) << "after token " << t;
    if (layer > 0) evict(recipe, {0}, t + 1, skipped);
  }
  EXPECT_LT(ours.size(), 1999u);
  if (layer > 0) {
    EXPECT_EQ(skipped.size(), 1999u);
  }
}

Head l2_compress(const Head& head, double ratio, int64_t prune_after) {
  return region_plan(
      head, {prune_after, 0, static_cast<int64_t>(std::ceil(ratio * static_cast<double>(head.size()))), 0});
}

INSTANTIATE_TEST_SUITE_P(Presets, Stream,
                         testing::Values(StreamCase{"recent_only",
                                                    {"recent_only", {}, ""},
                                                    [](const Head& h) {
                                                      return region_plan(h, {512, 0, 0, 512});
                                                    },
                                                    2},
                                         StreamCase{"recent_only_1024",
                                                    {"recent_only", {}, "1024"},
                                                    [](const Head& h) {
                                                      return region_plan(h, {1024, 0, 0, 1024});
                                                    },
                                                    2},
                                         StreamCase{"streaming_llm",
                                                    {"streaming_llm", {}, ""},
                                                    [](const Head& h) {
                                                      return region_plan(h, {512, 4, 0, 508});
                                                    },
                                                    0},
                                         StreamCase{"streaming_llm_256",
                                                    {"streaming_llm", {}, "256"},
                                                    [](const Head& h) {
                                                      return region_plan(h, {256, 4, 0, 252});
                                                    },
                                                    0},
                                         StreamCase{"h2o_l2",
                                                    {"h2o_l2", {}, ""},
                                                    [](const Head& h) {
                                                      return region_plan(h, {512, 4, 64, 444});
                                                    },
                                                    0},
                                         StreamCase{"h2o_l2_1024",
                                                    {"h2o_l2", {"budget.recent=892"}, "1024"},
                                                    [](const Head& h) {
                                                      return region_plan(h, {1024, 4, 128, 892});
                                                    },
                                                    0},
                                         StreamCase{"l2_compress",
                                                    {"l2_compress", {}, ""},
                                                    [](const Head& h) { return l2_compress(h, 0.5, 1000); },
                                                    2},
                                         StreamCase{
                                             "l2_compress_8_100",
                                             {"l2_compress", {"budget.keep=0.8", "budget.trigger=100"}, ""},
                                             [](const Head& h) { return l2_compress(h, 0.8, 100); },
                                             2}),
                         [](const auto& info) { return std::string(info.param.name); });

// The published runs: at a trigger of 100, 1999 tokens end with 99, 99 and 39.
TEST(L2Compress, SawtoothEndsWherePublished) {
  const std::vector<std::pair<const char*, size_t>> rows = {
      {"budget.keep=80%", 99}, {"budget.keep=50%", 99}, {"budget.keep=30%", 39}};
  for (const auto& [keep, length] : rows) {
    const Recipe recipe = resolve_recipe({"l2_compress", {keep, "budget.trigger=100"}, ""});
    Head head;
    for (int32_t t = 0; t < 1999; ++t) {
      head.push_back({t, static_cast<float>(t * 7919 % 1000)});
      evict(recipe, {2}, t + 1, head);
    }
    EXPECT_EQ(head.size(), length) << keep;
  }
}

// kvpress's SnapKV at a prompt's end: the window and the best of the prefix, int(N * 0.5) in all.
TEST(KvpressSnapkv, KeepsTheWindowAndTheBest) {
  const Recipe recipe = resolve_recipe({"kvpress/snapkv", {}, ""});
  const int slots = 385, group = 3, window = 64;
  std::mt19937 random(2);
  std::vector<float> weights(slots * group), scores(slots);
  for (float& weight : weights) weight = static_cast<float>(random() % 100000);
  ScoreInput input;
  input.slots = slots;
  input.group = group;
  input.window_weights = weights;
  input.window_queries = window;
  recipe.score->score(input, scores);
  BudgetInput sizes;
  sizes.layers = sizes.kv_heads = sizes.page_bytes = 1;
  sizes.tokens_seen = slots;
  sizes.page_slots = 64;
  const int32_t budget = plan_budget(recipe.budget, sizes).front();
  EXPECT_EQ(budget, 192);
  const std::vector<int32_t> kept =
      select_slots({scores, {}, budget, recipe.budget.sinks, recipe.budget.recent});
  ASSERT_EQ(kept.size(), 192u);
  for (int i = 0; i < window; ++i) EXPECT_EQ(kept[192 - window + i], slots - window + i);
  std::vector<std::pair<float, int32_t>> ranked;
  for (int32_t i = 0; i < slots - window; ++i) ranked.emplace_back(-scores[i], i);
  std::sort(ranked.begin(), ranked.end());
  std::vector<int32_t> best;
  for (int i = 0; i < 192 - window; ++i) best.push_back(ranked[i].second);
  std::sort(best.begin(), best.end());
  EXPECT_TRUE(std::equal(best.begin(), best.end(), kept.begin()));
}

}  // namespace
}  // namespace kvcompress
