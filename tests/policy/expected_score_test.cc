// Expected attention against its definition, with the rotation written out as a matrix.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::max_element
#include <cmath>      // std::exp

#include "policy/score_head.h"  // Head, scores_of

namespace kvcompress {
namespace {

using Matrix = std::vector<double>;  // [size][size]

// The mean of the rotations by tokens_seen .. tokens_seen + future - 1.
Matrix mean_rotation_matrix(const ScoreInput& input, int future) {
  const int size = input.head_dim;
  Matrix out(size * size);
  for (int j = 0; j < size; ++j) {
    for (int step = 0; step < future; ++step) {
      std::vector<float> unit(size);
      unit[j] = 1;
      rotate(input.rotation, static_cast<double>(input.tokens_seen + step), unit);
      for (int i = 0; i < size; ++i) out[i * size + j] += unit[i] / double(future);
    }
  }
  return out;
}

struct Expectation {
  int future = 512, sinks = 4;
  bool covariance = true, value_norm = true;
  double epsilon = 0;
};

std::vector<double> logits_of(const ScoreInput& input, const Expectation& e, int g, const Matrix& r) {
  const int size = input.head_dim;
  std::vector<double> logits;
  for (int slot = e.sinks; slot < input.slots; ++slot) {
    const float* key = input.keys.data() + slot * size;
    std::vector<double> turned(size);  // R^T k
    for (int i = 0; i < size; ++i) {
      for (int j = 0; j < size; ++j) turned[j] += r[i * size + j] * key[i];
    }
    double linear = 0, square = 0;
    for (int i = 0; i < size; ++i) {
      linear += turned[i] * input.query_mean[g * size + i];
      for (int j = 0; j < size; ++j) {
        square += turned[i] * turned[j] * input.query_covariance[(g * size + i) * size + j];
      }
    }
    const double scale = input.attention_scale;
    logits.push_back(scale * linear + (e.covariance ? scale * scale * square / 2 : 0));
  }
  return logits;
}

std::vector<double> expected_attention(const ScoreInput& input, const Expectation& e) {
  const Matrix r = mean_rotation_matrix(input, e.future);
  std::vector<double> out(input.slots - e.sinks);
  for (int g = 0; g < input.group; ++g) {
    const std::vector<double> logits = logits_of(input, e, g, r);
    const double most = *std::max_element(logits.begin(), logits.end());
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - most);
    for (size_t i = 0; i < out.size(); ++i) out[i] += std::exp(logits[i] - most) / sum / input.group;
  }
  for (size_t i = 0; i < out.size(); ++i) {
    if (e.value_norm) out[i] = (out[i] + e.epsilon) * input.value_norms[e.sinks + i];
  }
  return out;
}

void expect_scores(const std::string& parameters, const ScoreInput& input, const Expectation& e) {
  const std::vector<float> scores = scores_of("{kind: expected_attention, " + parameters + "}", input);
  const std::vector<double> expected = expected_attention(input, e);
  const double best = *std::max_element(expected.begin(), expected.end());
  for (int i = 0; i < e.sinks; ++i) EXPECT_NEAR(scores[i], best, best * 1e-4) << parameters << i;
  for (size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(scores[e.sinks + i], expected[i], 1e-4 * expected[i] + 1e-9) << parameters << " " << i;
  }
}

TEST(ExpectedAttentionScore, AgainstItsDefinition) {
  for (const bool halves : {true, false}) {
    const Head head(70, 16, 3, 5, halves);
    expect_scores("future: 512", head.input, {});
    expect_scores("future: 7, sinks: 0", head.input, {.future = 7, .sinks = 0});
    expect_scores("covariance: false", head.input, {.covariance = false});
    expect_scores("value_norm: false", head.input, {.value_norm = false});
    expect_scores("epsilon: 0.02", head.input, {.epsilon = 0.02});
  }
}

TEST(ExpectedAttentionScore, ChannelsThatDoNotTurnAndOddSizes) {
  Head head(45, 10, 2, 6);
  head.frequencies.resize(3);  // channels 6 .. 9 stay
  head.input.rotation.frequencies = head.frequencies;
  expect_scores("future: 33", head.input, {.future = 33});
}

// Fewer queries than channels: a covariance of rank 1, and none at all.
TEST(ExpectedAttentionScore, SingularCovariances) {
  Head head(20, 8, 1, 7);
  for (int i = 0; i < 8; ++i) {
    for (int j = 0; j < 8; ++j) head.query_covariance[i * 8 + j] = head.query_mean[i] * head.query_mean[j];
  }
  expect_scores("future: 5", head.input, {.future = 5});
  std::fill(head.query_covariance.begin(), head.query_covariance.end(), 0.0f);
  expect_scores("future: 5", head.input, {.future = 5});
}

TEST(ExpectedAttentionScore, EdgesHaveNumbers) {
  for (const int slots : {1, 4, 5}) {
    Head head(slots, 8, 2, 8);
    std::fill(head.keys.begin(), head.keys.end(), 3.0f);
    for (const float score : scores_of("expected_attention", head.input)) EXPECT_TRUE(std::isfinite(score));
  }
}

TEST(ExpectedAttentionScore, SinksAreTokensNotSlots) {
  Head head(6, 8, 1, 9);
  head.positions = {0, 1, 50, 51, 52, 53};  // sinks 2 and 3 are gone
  head.input.positions = head.positions;
  const std::vector<float> scores = scores_of("{kind: expected_attention, sinks: 4}", head.input);
  const float best = *std::max_element(scores.begin() + 2, scores.end());
  EXPECT_EQ(scores[0], best);
  EXPECT_EQ(scores[1], best);
  EXPECT_LT(*std::min_element(scores.begin() + 2, scores.end()), best);
}

TEST(ExpectedAttentionScore, ALayerIsItsHeads) {
  const Head a(30, 8, 2, 10), b(30, 8, 2, 11);
  const auto scores = layer_scores_of("expected_attention", {a.input, b.input});
  EXPECT_EQ(scores[0], scores_of("expected_attention", a.input));
  EXPECT_EQ(scores[1], scores_of("expected_attention", b.input));
}

TEST(ExpectedAttentionScore, StatisticsOfAProfile) {
  const Head head(30, 8, 2, 12);
  // Two layers of four query heads: this head's own are in layer 1, query heads 2 and 3.
  Calibration profile;
  profile.kind = "query_statistics";
  CalibrationArray& mean = profile.arrays["mean"];
  CalibrationArray& covariance = profile.arrays["covariance"];
  mean.shape = {2, 4, 8};
  mean.values.assign(2 * 4 * 8, 0.0f);
  covariance.shape = {2, 4, 8, 8};
  covariance.values.assign(2 * 4 * 64, 0.0f);
  std::copy(head.query_mean.begin(), head.query_mean.end(), mean.values.begin() + (4 + 2) * 8);
  std::copy(head.query_covariance.begin(), head.query_covariance.end(),
            covariance.values.begin() + (4 + 2) * 64);
  ScoreInput input = head.input;
  const std::vector<float> expected = scores_of("expected_attention", input);
  input.query_mean = input.query_covariance = {};
  input.layer = input.kv_head = 1;
  input.calibration = &profile;
  const std::string text = "{kind: expected_attention, statistics: profile}";
  EXPECT_EQ(scores_of(text, input), expected);
  EXPECT_EQ(policy_of(text)->calibration_kind(), "query_statistics");
  EXPECT_FALSE(policy_of(text)->needs().query_moments);
  input.layer = 2;
  EXPECT_THROW(scores_of(text, input), InputError);
  input.calibration = nullptr;
  EXPECT_THROW(scores_of(text, input), Error);
}

TEST(ExpectedAttentionScore, WhatItAsksFor) {
  const ScoreNeeds needs = policy_of("{kind: expected_attention, sinks: 6}")->needs();
  EXPECT_TRUE(needs.keys && needs.value_norms && needs.query_moments);
  EXPECT_EQ(needs.query_skip, 6);
  EXPECT_EQ(policy_of("expected_attention")->calibration_kind(), "");
  EXPECT_FALSE(policy_of("{kind: expected_attention, value_norm: false}")->needs().value_norms);
  Head head(10, 8, 2, 13);
  head.input.query_mean = {};
  EXPECT_THROW(scores_of("expected_attention", head.input), Error);
}

}  // namespace
}  // namespace kvcompress
