// Scores from keys and values alone, against plain computations in double.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::min, std::max
#include <cmath>      // std::sqrt, std::exp

#include "policy/score_head.h"  // Head, scores_of

namespace kvcompress {
namespace {

std::vector<double> key_difference(const Head& head) {
  const int slots = head.input.slots, size = head.input.head_dim;
  std::vector<double> anchor(size), out;
  for (int i = 0; i < slots * size; ++i) anchor[i % size] += head.keys[i] / double(head.key_norms[i / size]);
  double length = 0;
  for (double& a : anchor) length += a * a;
  for (int i = 0; i < slots; ++i) {
    double product = 0;
    for (int j = 0; j < size; ++j) product += anchor[j] * head.keys[i * size + j];
    out.push_back(-product / std::sqrt(length) / head.key_norms[i]);
  }
  return out;
}

TEST(KeyDifferenceScore, IsMinusTheCosineWithTheMeanDirection) {
  for (const auto& [slots, size] : std::vector<std::pair<int, int>>{{1, 8}, {7, 6}, {200, 64}, {333, 80}}) {
    const Head head(slots, size, 1, slots);
    const std::vector<float> scores = scores_of("key_difference", head.input);
    const std::vector<double> expected = key_difference(head);
    for (int i = 0; i < slots; ++i) EXPECT_NEAR(scores[i], expected[i], 1e-5) << slots << " " << i;
  }
  EXPECT_TRUE(policy_of("key_difference")->needs().keys);
}

TEST(KeyDifferenceScore, ByHand) {
  ScoreInput input;
  input.slots = 3;
  input.head_dim = 2;
  const std::vector<float> keys = {2, 0, 4, 0, 0, 5};  // unit keys: 1 0, 1 0, 0 1
  input.keys = keys;
  const std::vector<float> scores = scores_of("key_difference", input);
  EXPECT_NEAR(scores[0], -2 / std::sqrt(5), 1e-6);
  EXPECT_NEAR(scores[1], -2 / std::sqrt(5), 1e-6);
  EXPECT_NEAR(scores[2], -1 / std::sqrt(5), 1e-6);
}

TEST(KeyDifferenceScore, ConstantAndZeroKeys) {
  ScoreInput input;
  input.slots = 4;
  input.head_dim = 3;
  const std::vector<float> constant(12, 7.0f), zero(12, 0.0f);
  input.keys = constant;
  for (const float score : scores_of("key_difference", input)) EXPECT_NEAR(score, -1, 1e-6);
  input.keys = zero;
  EXPECT_EQ(scores_of("key_difference", input), std::vector<float>(4, 0.0f));
  input.slots = 5;
  EXPECT_THROW(scores_of("key_difference", input), Error);
}

// The softmax over one partition of the spread of each of its rows in the range of the next one.
std::vector<double> spreads(const std::vector<float>& rows, int size, int first, int lag) {
  std::vector<double> out;
  double sum = 0;
  for (int row = first; row < first + lag; ++row) {
    std::vector<double> scaled;
    double mean = 0, squares = 0;
    for (int j = 0; j < size; ++j) {
      double least = 1e30, most = -1e30;
      for (int next = first + lag; next < first + 2 * lag; ++next) {
        least = std::min<double>(least, rows[next * size + j]);
        most = std::max<double>(most, rows[next * size + j]);
      }
      scaled.push_back((rows[row * size + j] - least) / (most - least));
      mean += scaled.back() / size;
    }
    for (const double x : scaled) squares += (x - mean) * (x - mean);
    out.push_back(std::exp(std::sqrt(squares / (size - 1))));
    sum += out.back();
  }
  for (double& x : out) x /= sum;
  return out;
}

TEST(LagkvScore, AgainstItsDefinition) {
  const Head head(4 + 3 * 16 + 5, 12, 1, 9);
  const std::vector<float> cross = scores_of("{kind: lagkv, lag: 16, cross_scoring: true}", head.input);
  const std::vector<float> ranks = scores_of("{kind: lagkv, lag: 16}", head.input);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(cross[i], 1) << i;
  for (int i = 4 + 32; i < head.input.slots; ++i) EXPECT_EQ(cross[i], 1) << i;
  for (int first = 4; first < 36; first += 16) {
    const auto keys = spreads(head.keys, 12, first, 16), values = spreads(head.values, 12, first, 16);
    for (int i = 0; i < 16; ++i) {
      const double score = (keys[i] + values[i]) / 2;
      EXPECT_NEAR(cross[first + i], score, 1e-5);
      int below = 0;
      for (int j = 0; j < 16; ++j) below += (keys[j] + values[j]) / 2 < score ? 1 : 0;
      EXPECT_EQ(ranks[first + i], static_cast<float>(below) / 16) << first + i;
    }
  }
}

TEST(LagkvScore, ShortTextsAreRankedByAge) {
  const Head head(6, 4, 1, 1);
  const std::vector<float> scores = scores_of("{kind: lagkv, sinks: 2, lag: 3}", head.input);
  EXPECT_EQ(scores, (std::vector<float>{1, 1, 0, 0.25f, 0.5f, 0.75f}));
  const Head one(1, 4, 1, 1);
  EXPECT_EQ(scores_of("lagkv", one.input), std::vector<float>{1});
}

TEST(LagkvScore, ConstantRowsTieAndTheEarlierRanksHigher) {
  Head head(8, 4, 1, 1);
  std::fill(head.keys.begin(), head.keys.end(), 2.0f);
  std::fill(head.values.begin(), head.values.end(), 3.0f);
  EXPECT_EQ(scores_of("{kind: lagkv, sinks: 0, lag: 4}", head.input),
            (std::vector<float>{0.75f, 0.5f, 0.25f, 0, 1, 1, 1, 1}));
  EXPECT_EQ(scores_of("{kind: lagkv, sinks: 0, lag: 4, cross_scoring: true}", head.input),
            (std::vector<float>{0.25f, 0.25f, 0.25f, 0.25f, 1, 1, 1, 1}));
}

}  // namespace
}  // namespace kvcompress
