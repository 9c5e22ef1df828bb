#include "compute/matrix.h"

#include <gtest/gtest.h>

#include <cmath>   // std::exp, std::log
#include <limits>  // std::numeric_limits
#include <random>  // std::mt19937
#include <vector>  // std::vector

namespace kvcompress {
namespace {

std::vector<float> random_floats(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = normal(random);
  return out;
}

TEST(MatrixTest, ProductsAgreeWithPlainSumsOnEveryInstructionSet) {
  constexpr int64_t kShapes[][3] = {{1, 1, 1}, {3, 5, 7}, {8, 16, 64}, {9, 17, 80}, {20, 40, 33}};
  for (const Isa isa : supported_isas()) {
    for (const auto& [m, n, k] : kShapes) {
      const int64_t stride = k + 3, c_stride = n + 2;
      const auto a = random_floats(m * stride, 1), b = random_floats(n * stride, 2);
      std::vector<float> c(m * c_stride, 7.0f);
      multiply_transposed({a.data(), m, k, stride}, {b.data(), n, k, stride}, c.data(), c_stride, isa);
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t t = 0; t < k; ++t) sum += double{a[i * stride + t]} * b[j * stride + t];
          EXPECT_NEAR(c[i * c_stride + j], sum, 1e-4) << name(isa) << " " << m << "x" << n << "x" << k;
        }
        EXPECT_EQ(c[i * c_stride + n], 7.0f) << "beyond the row";
      }
    }
  }
}

TEST(MatrixTest, SoftmaxSumsToOneAndGivesTheLogSum) {
  for (const Isa isa : supported_isas()) {
    for (const int count : {1, 15, 16, 37}) {
      std::vector<float> row = random_floats(count, 3);
      double sum = 0;
      for (const float x : row) sum += std::exp(double{x});
      const std::vector<float> before = row;
      EXPECT_NEAR(softmax(row.data(), count, isa), std::log(sum), 1e-5);
      for (int i = 0; i < count; ++i) EXPECT_NEAR(row[i], std::exp(before[i]) / sum, 1e-6) << name(isa);
    }
  }
}

TEST(MatrixTest, SoftmaxOfNothingVisibleStays) {
  const float hidden = -std::numeric_limits<float>::infinity();
  std::vector<float> row(5, hidden);
  EXPECT_EQ(softmax(row.data(), 5), hidden);
  EXPECT_EQ(row[0], hidden);
}

TEST(MatrixTest, ExponentialsOfAKnownSumAreTheSoftmax) {
  for (const Isa isa : supported_isas()) {
    std::vector<float> row = random_floats(37, 3);
    row[5] = -std::numeric_limits<float>::infinity();
    std::vector<float> weights = row;
    const float log_sum = softmax(weights.data(), 37, isa);
    exponentiate(row.data(), 37, log_sum, isa);
    for (int i = 0; i < 37; ++i) EXPECT_NEAR(row[i], weights[i], 1e-6) << name(isa);
    EXPECT_EQ(row[5], 0.0f);
  }
}

TEST(MatrixTest, RowOperations) {
  for (const Isa isa : supported_isas()) {
    for (const int count : {1, 16, 19}) {
      const auto x = random_floats(count, 4);
      auto y = random_floats(count, 5);
      const auto before = y;
      add_scaled(x.data(), 2.0f, count, y.data(), isa);
      for (int i = 0; i < count; ++i) EXPECT_NEAR(y[i], before[i] + 2.0f * x[i], 1e-6);
      y = before;
      raise_to(x.data(), 0.5f, count, y.data(), isa);
      for (int i = 0; i < count; ++i) EXPECT_EQ(y[i], std::max(before[i], 0.5f * x[i]));
    }
  }
}

}  // namespace
}  // namespace kvcompress
