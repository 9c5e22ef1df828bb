#include <gtest/gtest.h>

#include <random>  // std::mt19937, std::normal_distribution

#include "engine/observations.h"

namespace kvcompress {
namespace {

// Biases a thousand times what varies, chunks of uneven length, a head that does not fill its vectors.
TEST(QueryMomentsTest, AreThoseOfAllRowsHoweverTheyCome) {
  constexpr size_t kWidth = 40;
  const auto step = static_cast<size_t>(QueryMoments::stride(kWidth));
  ASSERT_EQ(step, 64U);
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  QueryMoments moments;
  std::vector<std::vector<double>> all;
  for (const size_t rows : {1U, 300U, 63U, 0U, 64U}) {
    std::vector<float> chunk(rows * step);
    for (size_t row = 0; row < rows; ++row) {
      all.emplace_back(kWidth);
      const float shared = normal(random);
      for (size_t c = 0; c < kWidth; ++c) {
        const float bias = c % 3 == 0 ? 1000.0F : -1.0F;
        chunk[row * step + c] = bias + shared + normal(random) * static_cast<float>(c + 1) * 0.1F;
        all.back()[c] = chunk[row * step + c];
      }
    }
    moments.add(chunk, kWidth);
  }
  const auto n = static_cast<double>(all.size());
  ASSERT_EQ(moments.count, static_cast<int64_t>(all.size()));
  std::vector<double> mean(kWidth);
  for (const auto& row : all) {
    for (size_t c = 0; c < kWidth; ++c) mean[c] += row[c] / n;
  }
  std::vector<float> got_mean(kWidth), got(kWidth * kWidth);
  moments.mean(got_mean);
  moments.covariance(got);
  for (size_t i = 0; i < kWidth; ++i) {
    EXPECT_NEAR(got_mean[i], mean[i], 1e-6 * std::abs(mean[i]) + 1e-5);
    for (size_t j = 0; j < kWidth; ++j) {
      double covariance = 0;
      for (const auto& row : all) covariance += (row[i] - mean[i]) * (row[j] - mean[j]) / n;
      ASSERT_NEAR(got[i * kWidth + j], covariance, 2e-4 * (1 + std::abs(covariance))) << i << " " << j;
    }
  }
}

}  // namespace
}  // namespace kvcompress
