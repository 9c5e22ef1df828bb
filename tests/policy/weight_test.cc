#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include "policy/recipe.h"     // parse_recipe
#include "policy/selection.h"  // WeightPolicy

namespace kvcompress {
namespace {

std::shared_ptr<const WeightPolicy> weight(const std::string& text) {
  return parse_recipe("score: {kind: random, weight: " + text + "}\nbudget: {tokens: 64}\n", "test").weight;
}

struct Case {
  const char* text;
  std::vector<float> weighed;
};

class Weight : public testing::TestWithParam<Case> {};

TEST_P(Weight, Weighs) {
  const std::vector<float> norms = {2, 3, 0}, projected = {5, 7, 1};
  ScoreInput input;
  input.slots = 3;
  input.value_norms = norms;
  input.projected_norms = projected;
  std::vector<float> scores = {0.5f, 0, 4};
  weight(GetParam().text)->weigh(input, scores);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(scores[i], GetParam().weighed[i], 1e-6) << i;
}

INSTANTIATE_TEST_SUITE_P(Table, Weight,
                         testing::Values(Case{"value_norm", {1, 0, 0}},
                                         Case{"{kind: value_norm, epsilon: 0.5}", {2, 1.5f, 0}},
                                         Case{"projected_value", {2.5005f, 0.0007f, 4.0001f}},
                                         Case{"{kind: projected_value, epsilon: 0}", {2.5f, 0, 4}}));

TEST(WeightNeeds, WhatTheyAskFor) {
  EXPECT_TRUE(weight("value_norm")->needs().value_norms);
  EXPECT_EQ(weight("projected_value")->needs().projection, ValueProjection::l1);
  EXPECT_EQ(weight("{kind: projected_value, norm: l2}")->needs().projection, ValueProjection::l2);
}

TEST(WeightErrors, WrongSizes) {
  const ScoreInput input;
  std::vector<float> scores(3);
  EXPECT_THROW(weight("value_norm")->weigh(input, scores), Error);
  EXPECT_THROW(weight("projected_value")->weigh(input, scores), Error);
}

}  // namespace
}  // namespace kvcompress
