#include "base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace kvcompress {
namespace {

using Words = std::array<uint32_t, 4>;

// Known answers published with the generator (Random123, kat_vectors).
TEST(Philox, GivesThePublishedAnswers) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}), (Words{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}),
            (Words{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Words{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, IsAFunctionOfSeedAndStream) {
  Random a(7, 1), again(7, 1), other_seed(8, 1), other_stream(7, 2);
  int same_seed = 0, same_stream = 0;
  for (int i = 0; i < 100; ++i) {
    const uint32_t bits = a.bits();
    ASSERT_EQ(bits, again.bits());
    same_seed += bits == other_seed.bits();
    same_stream += bits == other_stream.bits();
  }
  EXPECT_LE(same_seed, 1);
  EXPECT_LE(same_stream, 1);
}

TEST(Random, UniformCoversItsRange) {
  Random random(1);
  double sum = 0, least = 1, most = 0;
  constexpr int kDraws = 100'000;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.uniform();
    ASSERT_GE(value, 0);
    ASSERT_LT(value, 1);
    sum += value;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_LT(least, 0.001);
  EXPECT_GT(most, 0.999);
}

TEST(Random, NormalHasMeanAndVariance) {
  Random random(2);
  double sum = 0, squares = 0, fourth = 0;
  constexpr int kDraws = 200'000;
  for (int i = 0; i < kDraws; ++i) {
    const double value = random.normal();
    ASSERT_TRUE(std::isfinite(value));
    sum += value;
    squares += value * value;
    fourth += value * value * value * value;
  }
  EXPECT_NEAR(sum / kDraws, 0, 0.01);
  EXPECT_NEAR(squares / kDraws, 1, 0.02);
  EXPECT_NEAR(fourth / kDraws, 3, 0.15);
}

TEST(Random, BelowIsEven) {
  Random random(3);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[random.below(7)];
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 500);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(random.below(1), 0u);
}

TEST(Random, FillsSpans) {
  Random random(4), again(4);
  std::vector<float> values(1000), uniform(1000);
  random.fill_normal(values, 2.0f);
  for (const float value : values) ASSERT_EQ(value, 2.0f * static_cast<float>(again.normal()));
  random.fill_uniform(uniform, -3, 5);
  for (const float value : uniform) ASSERT_TRUE(value >= -3 && value <= 5);
}

}  // namespace
}  // namespace kvcompress
