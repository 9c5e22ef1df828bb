// Projections in closed form, and the answers that choose them.
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>  // std::sqrt, std::abs

#include "base/random.h"
#include "policy/projections/low_rank.h"
#include "policy/registry.h"
#include "policy/store_policy.h"

namespace kvcompress {
namespace {

constexpr int kDim = 16, kTokens = 200;

std::vector<float> normals(size_t count, uint64_t seed) {
  std::vector<float> out(count);
  Random(seed).fill_normal(out);
  return out;
}

// Rows of `width` channels within a subspace of `rank` axes around a mean that is not 0.
std::vector<float> low_rank_rows(int rows, int width, int rank, uint64_t seed) {
  const auto axes = normals(static_cast<size_t>(rank) * width, seed);
  const auto latents = normals(static_cast<size_t>(rows) * rank, seed + 1);
  std::vector<float> out(static_cast<size_t>(rows) * width);
  for (int i = 0; i < rows; ++i) {
    for (int c = 0; c < width; ++c) {
      float x = static_cast<float>(3 + c);
      for (int r = 0; r < rank; ++r) x += latents[i * rank + r] * axes[r * width + c];
      out[static_cast<size_t>(i) * width + c] = x;
    }
  }
  return out;
}

// What a side reads back of rows.
std::vector<float> restored(const ProjectionSide& side, const std::vector<float>& rows) {
  std::vector<float> out;
  for (size_t first = 0; first < rows.size(); first += side.channels) {
    std::vector<float> x(side.mean);
    for (const int32_t c : side.kept) x[c] = rows[first + c];
    for (int r = 0; r < side.rank && side.kept.empty(); ++r) {
      double latent = 0;
      for (int c = 0; c < side.channels; ++c) {
        latent += (double{rows[first + c]} - side.mean[c]) * side.encode[c * side.rank + r];
      }
      for (int c = 0; c < side.channels; ++c) {
        x[c] += static_cast<float>(latent * side.decode[r * side.channels + c]);
      }
    }
    out.insert(out.end(), x.begin(), x.end());
  }
  return out;
}

double error(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum / static_cast<double>(a.size());
}

std::unique_ptr<StorePolicy> store(const std::string& name) {
  std::unique_ptr<Answer> answer = registry().find(Stage::store, name)->make();
  return std::unique_ptr<StorePolicy>(dynamic_cast<StorePolicy*>(answer.release()));
}

// One head with queries of its own.
struct Head {
  Head(std::vector<float> k, std::vector<float> v, std::vector<float> q)
      : keys(std::move(k)), values(std::move(v)), queries(std::move(q)), metric(kDim * kDim) {
    for (int c = 0; c < kDim; ++c) metric[c * kDim + c] = 1;
  }
  ProjectionInput input(int key_rank, int value_rank) const {
    ProjectionInput input;
    input.head_dim = kDim;
    input.tokens = kTokens;
    input.key_rank = key_rank;
    input.value_rank = value_rank;
    input.attention_scale = 0.25F;
    input.keys = keys;
    input.values = values;
    input.queries = queries;
    input.output_metric = metric;
    return input;
  }
  std::vector<float> keys, values, queries, metric;
};

TEST(LowRank, FullRankLosesNothing) {
  const auto rows = normals(kTokens * kDim, 1);
  const auto metric = moment_around(normals(kTokens * kDim, 2), std::vector<double>(kDim));
  for (const std::vector<double>& m : {std::vector<double>(), metric}) {
    const ProjectionSide side = low_rank(moments_of(rows, kDim), m, kDim);
    EXPECT_LT(error(restored(side, rows), rows), 1e-9);
  }
}

TEST(LowRank, RowsOfARankComeBackWithThatManyAxes) {
  for (const int rank : {1, 3, 8}) {
    const auto rows = low_rank_rows(kTokens, kDim, rank, 3);
    EXPECT_LT(error(restored(low_rank(moments_of(rows, kDim), {}, rank), rows), rows), 1e-8) << rank;
    if (rank > 1) {
      EXPECT_GT(error(restored(low_rank(moments_of(rows, kDim), {}, rank - 1), rows), rows), 1e-3) << rank;
    }
  }
}

TEST(LowRank, WithoutAMetricTheMapsAreEachOthersTranspose) {
  const ProjectionSide side = low_rank(moments_of(normals(kTokens * kDim, 4), kDim), {}, 5);
  for (int c = 0; c < kDim; ++c) {
    for (int r = 0; r < 5; ++r) EXPECT_EQ(side.encode[c * 5 + r], side.decode[r * kDim + c]);
  }
}

// The metric asks for channels 0 and 1 alone, which vary least.
TEST(LowRank, TheMetricSaysWhatMatters) {
  auto rows = normals(kTokens * kDim, 5);
  for (size_t i = 0; i < rows.size(); ++i) rows[i] *= i % kDim < 2 ? 0.1F : 3.0F;
  std::vector<double> metric(kDim * kDim);
  metric[0] = metric[kDim + 1] = 1e6;
  const auto of_two = [&](const ProjectionSide& side) {
    const auto back = restored(side, rows);
    double sum = 0;
    for (size_t i = 0; i < rows.size(); i += kDim) {
      for (const size_t c : {i, i + 1}) sum += (back[c] - rows[c]) * (back[c] - rows[c]);
    }
    return sum / kTokens;
  };
  EXPECT_GT(of_two(low_rank(moments_of(rows, kDim), {}, 4)), 0.01);
  EXPECT_LT(of_two(low_rank(moments_of(rows, kDim), metric, 4)), 1e-3);
}

// E |M^(1/2) (x - x')|^2 is the sum of the eigenvalues left out, and no other map of that rank loses less.
TEST(LowRank, LosesNoMoreThanPlainAxesInTheMetric) {
  const auto rows = normals(kTokens * kDim, 6), queries = low_rank_rows(kTokens, kDim, 4, 7);
  const auto metric = moment_around(queries, std::vector<double>(kDim));
  const auto loss = [&](const ProjectionSide& side) {
    const auto back = restored(side, rows);
    double sum = 0;
    for (int i = 0; i < kTokens; ++i) {
      for (int a = 0; a < kDim; ++a) {
        for (int b = 0; b < kDim; ++b) {
          sum += (rows[i * kDim + a] - back[i * kDim + a]) * metric[a * kDim + b] *
                 (rows[i * kDim + b] - back[i * kDim + b]);
        }
      }
    }
    return sum;
  };
  for (const int rank : {4, 8, 12}) {
    EXPECT_LT(loss(low_rank(moments_of(rows, kDim), metric, rank)),
              0.5 * loss(low_rank(moments_of(rows, kDim), {}, rank)))
        << rank;
  }
}

TEST(LowRank, NumbersThatAreNotFiniteAreRefused) {
  auto rows = normals(kTokens * kDim, 8);
  rows[17] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(low_rank(moments_of(rows, kDim), {}, 4), Error);
}

TEST(KeepChannels, TheGreatestByAscendingNumberTiesToTheLower) {
  const std::vector<double> importance = {1, 5, 2, 5, 5, 0}, mean = {1, 2, 3, 4, 5, 6};
  EXPECT_EQ(keep_channels(importance, mean, 2).kept, (std::vector<int32_t>{1, 3}));
  EXPECT_EQ(keep_channels(importance, mean, 4).kept, (std::vector<int32_t>{1, 2, 3, 4}));
}

TEST(AttentionOutputs, AreSoftmaxAveragesOfValues) {
  ProjectionInput input;
  input.head_dim = 2;
  input.attention_scale = 1;
  const std::vector<float> keys = {0, 0, std::log(3.0F), 0}, values = {1, 0, 0, 1}, queries = {1, 9, 0, 0};
  input.keys = keys;
  input.values = values;
  input.queries = queries;
  const std::vector<float> out = attention_outputs(input);
  const std::vector<float> expected = {0.25F, 0.75F, 0.5F, 0.5F};
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(out[i], expected[i], 1e-6);
}

TEST(StoreSvd, RestoresWhatHasTheRank) {
  const Head head(low_rank_rows(kTokens, kDim, 4, 11), low_rank_rows(kTokens, kDim, 6, 13), {});
  const Projection projection = store("svd")->projection_fit()->fit(head.input(4, 6));
  EXPECT_LT(error(restored(projection.keys, head.keys), head.keys), 1e-8);
  EXPECT_LT(error(restored(projection.values, head.values), head.values), 1e-8);
}

TEST(StoreThink, KeepsTheChannelsThatQueriesMeet) {
  Head head(normals(kTokens * kDim, 21), normals(kTokens * kDim, 22), normals(32 * kDim, 23));
  // Large keys that no query asks for, and large queries that meet no key.
  for (size_t i = 0; i < head.keys.size(); ++i) {
    const size_t c = i % kDim;
    if (c == 2) head.keys[i] *= 50;
    if (c == 3) head.keys[i] *= 1e-3F;
    if (c == 9 || c == 12) head.keys[i] *= 4;
  }
  for (size_t i = 0; i < head.queries.size(); ++i) {
    if (i % kDim == 2) head.queries[i] *= 1e-3F;
    if (i % kDim == 3) head.queries[i] *= 50;
  }
  const Projection projection = store("think")->projection_fit()->fit(head.input(2, kDim));
  EXPECT_EQ(projection.keys.kept, (std::vector<int32_t>{9, 12}));
  EXPECT_EQ(projection.keys.mean, std::vector<float>(kDim));
  EXPECT_EQ(restored(projection.values, head.values), head.values);
}

TEST(StoreChannels, CountsVarianceAndWhatTheOutputMakesOfIt) {
  Head head(normals(kTokens * kDim, 31), normals(kTokens * kDim, 32), normals(32 * kDim, 33));
  for (size_t i = 0; i < head.keys.size(); ++i) {
    const size_t c = i % kDim;
    if (c == 1) head.keys[i] = 100;  // never varies
    if (c == 4 || c == 6) head.keys[i] *= 5;
    if (c == 5) head.values[i] *= 5;
  }
  head.metric[5 * kDim + 5] = 1e-6F;  // what the layer's output ignores
  head.metric[7 * kDim + 7] = 100;
  const Projection projection = store("channels")->projection_fit()->fit(head.input(2, 1));
  EXPECT_EQ(projection.keys.kept, (std::vector<int32_t>{4, 6}));
  EXPECT_EQ(projection.values.kept, (std::vector<int32_t>{7}));
  EXPECT_FLOAT_EQ(projection.keys.mean[1], 100);
}

double logit_error(const ProjectionSide& side, const Head& head, const std::vector<float>& queries) {
  const auto back = restored(side, head.keys);
  double sum = 0;
  for (size_t q = 0; q < queries.size(); q += kDim) {
    for (size_t i = 0; i < head.keys.size(); i += kDim) {
      double e = 0;
      for (int c = 0; c < kDim; ++c) e += double{queries[q + c]} * (head.keys[i + c] - back[i + c]);
      sum += e * e;
    }
  }
  return sum;
}

TEST(StoreDistillation, ItsLogitsAreNearerThanThoseOfPlainAxes) {
  auto queries = low_rank_rows(64, kDim, 4, 41);
  for (size_t i = 0; i < queries.size(); ++i) queries[i] -= static_cast<float>(3 + i % kDim);
  const Head head(normals(kTokens * kDim, 42), normals(kTokens * kDim, 43), queries);
  const ProjectionInput input = head.input(6, 6);
  const Projection distilled = store("distillation")->projection_fit()->fit(input),
                   plain = store("svd")->projection_fit()->fit(input);
  EXPECT_LT(logit_error(distilled.keys, head, queries), 0.1 * logit_error(plain.keys, head, queries));
}

class Calibrated : public testing::Test {
 protected:
  Calibrated() {
    profile_.kind = "second_moments";
    const auto identity = [](float scale) {
      std::vector<float> out(2 * kDim * kDim);
      for (int head = 0; head < 2; ++head) {
        for (int c = 0; c < kDim; ++c) out[(head * kDim + c) * kDim + c] = scale;
      }
      return out;
    };
    for (const char* name : {"key_mean", "value_mean"}) {
      profile_.arrays[name] = {{1, 2, kDim}, std::vector<float>(2 * kDim, 0.5F)};
    }
    for (const char* name : {"key", "value", "query", "output", "metric"}) {
      profile_.arrays[name] = {{1, 2, kDim, kDim}, identity(1)};
    }
    // The second head has a loud channel of each.
    set("key", 3, 100);
    set("value", 4, 100);
    set("output", 5, 100);
    set("metric", 6, 1000);
  }
  void set(const std::string& name, int channel, float value) {
    profile_.arrays[name].values[((1 * kDim) + channel) * kDim + channel] = value;
  }
  Projection fit(const std::string& name) const {
    ProjectionInput input;
    input.layers = 1;
    input.kv_head = 1;
    input.kv_heads = 2;
    input.head_dim = kDim;
    input.key_rank = input.value_rank = 1;
    input.calibration = &profile_;
    return store(name)->projection_fit()->fit(input);
  }
  // The channel that the first axis lies along.
  static int axis(const ProjectionSide& side) {
    for (int c = 0; c < side.channels; ++c) {
      if (std::abs(side.decode[c]) > 0.99F) return c;
    }
    return -1;
  }
  Calibration profile_;
};

TEST_F(Calibrated, LoraTakesTheHeadsOwnMomentsAndTheMetric) {
  const Projection projection = fit("lora");
  EXPECT_EQ(axis(projection.keys), 3);
  EXPECT_EQ(axis(projection.values), 6);
  EXPECT_EQ(projection.keys.mean, std::vector<float>(kDim, 0.5F));
}

TEST_F(Calibrated, LoraDistillationTakesOutputsForValues) {
  set("metric", 6, 1);
  const Projection projection = fit("lora_distillation");
  EXPECT_EQ(axis(projection.keys), 3);
  EXPECT_EQ(axis(projection.values), 5);
}

TEST_F(Calibrated, AProfileOfAnotherShapeIsRefused) {
  profile_.arrays["output"].shape = {1, 2, kDim};
  EXPECT_THROW(fit("lora"), InputError);
  profile_.arrays.erase("key");
  EXPECT_THROW(fit("lora_distillation"), InputError);
}

TEST(StoreAnswers, SayWhichCalibrationTheyCannotWorkWithout) {
  EXPECT_EQ(store("lora")->calibration_kind(), "second_moments");
  EXPECT_EQ(store("lora_distillation")->calibration_kind(), "second_moments");
  EXPECT_EQ(store("svd")->calibration_kind(), "");
  EXPECT_EQ(store("distillation")->calibration_kind(), "");
}

}  // namespace
}  // namespace kvcompress
