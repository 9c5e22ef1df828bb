// Leverage, chunk attention, their blend, and the kernels beneath.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>    // std::sqrt, std::abs
#include <numeric>  // std::accumulate

#include "compute/isa.h"                // supported_isas
#include "policy/score_head.h"          // Head, scores_of
#include "policy/scoring/leverage.h"    // leverage_scores
#include "policy/scoring/row_forms.h"   // evaluate, gram, make_form
#include "policy/scoring/statistics.h"  // z_normalise_heads

namespace kvcompress {
namespace {

TEST(RowForms, EveryInstructionSetEqualsThePlainSum) {
  for (const auto& [slots, size, height] :
       std::vector<std::tuple<int, int, int>>{{1, 1, 1}, {31, 10, 10}, {33, 64, 48}, {70, 80, 3}}) {
    Head head(slots, size, 1, size);
    std::vector<double> linear(size), root(height * size);
    for (double& x : linear) x = head.normal(1)[0];
    for (double& x : root) x = head.normal(1)[0];
    const RowForm form = make_form(linear, root, size);
    for (const Isa isa : supported_isas()) {
      std::vector<float> out(slots);
      evaluate({&form, 1}, head.keys, size, size, out, isa);
      for (int slot = 0; slot < slots; ++slot) {
        double expected = 0;
        for (int j = 0; j < size; ++j) expected += linear[j] * head.keys[slot * size + j];
        for (int r = 0; r < height; ++r) {
          double sum = 0;
          for (int j = r; j < size; ++j) sum += root[r * size + j] * head.keys[slot * size + j];
          expected += sum * sum;
        }
        EXPECT_NEAR(out[slot], expected, 1e-4 * (1 + std::abs(expected))) << name(isa) << " " << slot;
      }
    }
  }
}

TEST(RowForms, GramOfEveryInstructionSet) {
  const int slots = 600, stride = 64;
  Head head(slots, stride, 1, 3);
  for (const Isa isa : supported_isas()) {
    const std::vector<double> sums = gram(head.keys, stride, isa);
    for (int i = 0; i < stride; ++i) {
      for (int j = 0; j < stride; ++j) {
        double expected = 0;
        for (int row = 0; row < slots; ++row) {
          expected += double(head.keys[row * stride + i]) * head.keys[row * stride + j];
        }
        ASSERT_NEAR(sums[i * stride + j], expected, 2e-3) << name(isa) << " " << i << " " << j;
      }
    }
  }
}

// Turned back by the rotation itself and centred, [slots][size].
std::vector<double> centred_keys(const Head& head) {
  const int slots = head.input.slots, size = head.input.head_dim;
  std::vector<double> out, mean(size);
  for (int slot = 0; slot < slots; ++slot) {
    std::vector<float> key(head.keys.begin() + slot * size, head.keys.begin() + (slot + 1) * size);
    rotate(head.input.rotation, -head.positions[slot], key);
    for (int j = 0; j < size; ++j) mean[j] += key[j] / double(slots);
    out.insert(out.end(), key.begin(), key.end());
  }
  for (int i = 0; i < slots * size; ++i) out[i] -= mean[i % size];
  return out;
}

// x with (K^T K + ridge I) x = k, by elimination.
std::vector<double> solve_gram(const std::vector<double>& keys, int size, const double* k) {
  std::vector<double> a(size * size), x(k, k + size);
  for (size_t row = 0; row < keys.size(); row += size) {
    for (int i = 0; i < size; ++i) {
      for (int j = 0; j < size; ++j) a[i * size + j] += keys[row + i] * keys[row + j];
    }
  }
  for (int p = 0; p < size; ++p) {
    for (int i = 0; i < size; ++i) {
      if (i == p) continue;
      const double factor = a[i * size + p] / a[p * size + p];
      for (int j = p; j < size; ++j) a[i * size + j] -= factor * a[p * size + j];
      x[i] -= factor * x[p];
    }
  }
  for (int p = 0; p < size; ++p) x[p] /= a[p * size + p];
  return x;
}

// A sketch of as many dimensions as channels, or more, loses nothing: the leverage is the exact one.
TEST(LeverageScore, WholeSketchesAreExact) {
  for (const bool halves : {true, false}) {
    Head head(90, 12, 1, 4, halves);
    for (int slot = 0; slot < 90; ++slot) head.positions[slot] = slot * slot;
    const std::vector<double> keys = centred_keys(head);
    for (const int sketch : {12, 30}) {
      LeverageSettings settings;
      settings.sketch = sketch;
      settings.ridge = 1e-7;
      const std::vector<float> scores = leverage_scores(settings, head.input, 0, 90);
      for (int slot = 0; slot < 90; ++slot) {
        const std::vector<double> x = solve_gram(keys, 12, keys.data() + slot * 12);
        double expected = 0;
        for (int j = 0; j < 12; ++j) expected += x[j] * keys[slot * 12 + j];
        EXPECT_NEAR(scores[slot], expected, 2e-4) << sketch << " " << slot;
      }
    }
  }
}

TEST(LeverageScore, ASketchKeepsItsDimensions) {
  const Head head(400, 64, 1, 5);
  LeverageSettings settings;
  const std::vector<float> scores = leverage_scores(settings, head.input, 0, 400);
  for (const float score : scores) ASSERT_TRUE(score >= 0 && score <= 1.0001f) << score;
  // The trace of a projection on the sketch's 48 dimensions.
  EXPECT_NEAR(std::accumulate(scores.begin(), scores.end(), 0.0), 48, 0.1);
  EXPECT_EQ(scores, leverage_scores(settings, head.input, 0, 400));
  settings.seed = 1;
  EXPECT_NE(scores, leverage_scores(settings, head.input, 0, 400));
}

TEST(LeverageScore, IsNormalisedAndFindsTheOutlier) {
  Head head(100, 16, 1, 6);
  for (int j = 0; j < 16; ++j) head.keys[41 * 16 + j] *= 30;
  const std::vector<float> scores = scores_of("leverage", head.input);
  EXPECT_EQ(std::max_element(scores.begin(), scores.end()) - scores.begin(), 41);
  double sum = 0, squares = 0;
  for (const float score : scores) {
    sum += score;
    squares += double(score) * score;
  }
  EXPECT_NEAR(sum, 0, 1e-3);
  EXPECT_NEAR(squares / 99, 1, 1e-3);
}

TEST(LeverageScore, EdgesAreZero) {
  Head one(1, 8, 1, 1), constant(9, 8, 1, 1);
  EXPECT_EQ(scores_of("leverage", one.input), std::vector<float>{0});
  std::fill(constant.keys.begin(), constant.keys.end(), 2.0f);
  std::fill(constant.positions.begin(), constant.positions.end(), 0);
  for (const float score : scores_of("leverage", constant.input)) EXPECT_NEAR(score, 0, 1e-3);
}

TEST(ZNormalise, OfEachHeadOrTogether) {
  std::vector<std::vector<float>> heads = {{1, 3}, {5, 7}};
  z_normalise_heads(heads, false);
  const float half = 1 / std::sqrt(2.0f);
  for (const auto& head : heads) {
    EXPECT_NEAR(head[0], -half, 1e-6);
    EXPECT_NEAR(head[1], half, 1e-6);
  }
  heads = {{1, 3}, {5, 7}};
  z_normalise_heads(heads, true);
  const float deviation = std::sqrt(20.0f / 3);
  EXPECT_NEAR(heads[0][0], -3 / deviation, 1e-6);
  EXPECT_NEAR(heads[1][1], 3 / deviation, 1e-6);
}

struct ChunkHead {
  Head head;
  std::vector<float> sums;
  ChunkHead(int slots, unsigned seed) : head(slots, 16, 1, seed), sums(head.normal(slots)) {
    for (float& sum : sums) sum = std::abs(sum);
    head.input.chunk_attention = sums;
  }
};

// Pooled over three neighbours, nothing beyond the ends of [first, last), then mean 0 and deviation 1.
std::vector<double> chunk_scores(const ChunkHead& of, int first, int last) {
  std::vector<double> out;
  double mean = 0, squares = 0;
  for (int i = first; i < last; ++i) {
    double sum = 0;
    for (int j = i - 1; j <= i + 1; ++j) {
      if (j >= first && j < last) sum += double(of.sums[j]) * of.head.value_norms[j] / 3;
    }
    out.push_back(sum);
    mean += sum / (last - first);
  }
  for (const double x : out) squares += (x - mean) * (x - mean);
  for (double& x : out) x = (x - mean) / std::sqrt(squares / (last - first - 1));
  return out;
}

TEST(ChunkAttentionScore, AgainstItsDefinition) {
  const ChunkHead of(50, 7);
  const std::vector<float> scores = scores_of("chunk_attention", of.head.input);
  const std::vector<double> expected = chunk_scores(of, 0, 50);
  for (int i = 0; i < 50; ++i) EXPECT_NEAR(scores[i], expected[i], 1e-5) << i;
  const ScoreNeeds needs = policy_of("chunk_attention")->needs();
  EXPECT_TRUE(needs.value_norms);
  EXPECT_EQ(needs.chunk_attention, 256);
  const ChunkHead one(1, 8);
  EXPECT_EQ(scores_of("chunk_attention", one.head.input), std::vector<float>{0});
  EXPECT_THROW(policy_of("{kind: chunk_attention, kernel: 2}"), UsageError);
  EXPECT_THROW(
      scores_of("chunk_attention", of.head.input.slots == 50 ? Head(5, 8, 1, 1).input : ScoreInput()), Error);
}

TEST(CompactorScore, IsTheBlendOfItsParts) {
  ChunkHead of(60, 9);
  of.head.input.keep_share = 0.25;
  std::vector<std::vector<float>> far = {leverage_scores({}, of.head.input, 8, 56)};
  z_normalise_heads(far, false);
  const std::vector<double> seen = chunk_scores(of, 8, 56);
  const std::vector<float> scores = scores_of("compactor", of.head.input);
  const std::vector<float> fixed = scores_of("{kind: compactor, lambda: 0.35}", of.head.input);
  for (int i = 0; i < 48; ++i) {
    EXPECT_NEAR(scores[8 + i], 0.75 * far[0][i] + seen[i], 1e-4) << i;
    EXPECT_NEAR(fixed[8 + i], 0.35 * far[0][i] + seen[i], 1e-4) << i;
  }
  const float best = *std::max_element(scores.begin() + 8, scores.begin() + 56);
  for (const int i : {0, 7, 56, 59}) EXPECT_EQ(scores[i], best) << i;
}

TEST(CompactorScore, ShorterThanWhatItLeavesOut) {
  for (const int slots : {1, 8, 9, 12}) {
    const ChunkHead of(slots, 10);
    EXPECT_EQ(scores_of("compactor", of.head.input), std::vector<float>(slots, 0.0f)) << slots;
  }
  const ScoreNeeds needs = policy_of("compactor")->needs();
  EXPECT_TRUE(needs.keys && needs.value_norms);
  EXPECT_EQ(needs.chunk_attention, 256);
}

TEST(CompactorScore, HeadsOfALayer) {
  const ChunkHead a(40, 11), b(40, 12);
  const std::vector<ScoreInput> heads = {a.head.input, b.head.input};
  EXPECT_EQ(layer_scores_of("compactor", heads)[1], scores_of("compactor", heads[1]));
  EXPECT_NE(layer_scores_of("{kind: compactor, normalise: layer}", heads)[1],
            scores_of("compactor", heads[1]));
}

}  // namespace
}  // namespace kvcompress
