#include "codec/f16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "base/random.h"
#include "codec/f16_kernels.h"

namespace kvcompress {
namespace {

TEST(F16, EveryHalfSurvivesTheRoundTrip) {
  for (uint32_t half = 0; half < 0x10000; ++half) {
    const float value = f32_from_f16(static_cast<uint16_t>(half));
    const bool nan = (half & 0x7C00) == 0x7C00 && (half & 0x3FF) != 0;
    ASSERT_EQ(std::isnan(value), nan);
    ASSERT_EQ(f16_from_f32(value), nan ? half | 0x200 : half) << half;
  }
}

TEST(F16, KnownValues) {
  EXPECT_EQ(f16_from_f32(1.0f), 0x3C00);
  EXPECT_EQ(f16_from_f32(-2.0f), 0xC000);
  EXPECT_EQ(f16_from_f32(65504.0f), 0x7BFF);
  EXPECT_EQ(f16_from_f32(65519.99f), 0x7BFF);
  EXPECT_EQ(f16_from_f32(65520.0f), 0x7C00);  // a tie, away from the odd 0x7BFF
  EXPECT_EQ(f16_from_f32(1e30f), 0x7C00);
  EXPECT_EQ(f16_from_f32(0x1p-24f), 0x0001);
  EXPECT_EQ(f16_from_f32(0x1p-25f), 0x0000);  // a tie, to the even 0
  EXPECT_EQ(f16_from_f32(0x1.000002p-25f), 0x0001);
  EXPECT_EQ(f16_from_f32(0x1.8p-24f), 0x0002);    // a tie, to the even 2
  EXPECT_EQ(f16_from_f32(0x1.ffcp-15f), 0x0400);  // subnormal range, rounds up to the least normal
  EXPECT_EQ(f16_from_f32(-0.0f), 0x8000);
  EXPECT_EQ(f16_from_f32(std::numeric_limits<float>::denorm_min()), 0x0000);
}

TEST(F16, RoundsToTheNearestOfItsNeighbours) {
  for (uint32_t half = 0; half < 0x7BFF; ++half) {
    const double low = f32_from_f16(static_cast<uint16_t>(half));
    const double high = f32_from_f16(static_cast<uint16_t>(half + 1));
    const float middle = static_cast<float>((low + high) / 2);
    const uint32_t even = half + (half & 1);
    ASSERT_EQ(f16_from_f32(middle), even);
    ASSERT_EQ(f16_from_f32(std::nextafter(middle, 0.0f)), half);
    ASSERT_EQ(f16_from_f32(std::nextafter(middle, 1e9f)), half + 1);
  }
}

class F16KernelsTest : public testing::TestWithParam<Isa> {
 protected:
  const F16Kernels& kernels_ = f16_kernels(GetParam());
};

std::vector<float> floats_of_all_kinds() {
  std::vector<float> values;
  Random random(11);
  for (int i = 0; i < 200'000; ++i) {
    const uint32_t bits = random.bits();
    float value;
    std::memcpy(&value, &bits, sizeof value);
    values.push_back(value);
  }
  // Halves, their middles and what lies just beside them.
  for (uint32_t half = 0; half < 0x7C00; ++half) {
    const float low = f32_from_f16(static_cast<uint16_t>(half));
    const float middle = low + (f32_from_f16(static_cast<uint16_t>(half + 1)) - low) / 2;
    values.insert(values.end(), {low, -middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e9f)});
  }
  return values;
}

TEST_P(F16KernelsTest, SameBitsAsThePlainConversion) {
  const std::vector<float> values = floats_of_all_kinds();
  std::vector<uint16_t> halves(values.size());
  EXPECT_FALSE(kernels_.store_row(values.data(), static_cast<int>(values.size()), halves.data()));
  std::vector<float> back(values.size());
  kernels_.load_row(halves.data(), static_cast<int>(values.size()), back.data());
  for (size_t i = 0; i < values.size(); ++i) {
    ASSERT_EQ(halves[i], f16_from_f32(values[i])) << values[i];
    const float expected = f32_from_f16(halves[i]);
    ASSERT_EQ(std::memcmp(&back[i], &expected, sizeof expected), 0) << values[i];
  }
}

TEST_P(F16KernelsTest, TransposesAndPads) {
  for (const int channels : {1, 8, 15, 16, 17, 64, 80, 100, 128, 256}) {
    const int stride = channels + 3, padded = (channels + 15) / 16 * 16;
    std::vector<float> rows(static_cast<size_t>(16 * stride));
    Random random(static_cast<uint64_t>(channels));
    random.fill_normal(rows);
    alignas(64) uint16_t out[256 * 16];
    std::memset(out, 0xAB, sizeof out);
    EXPECT_TRUE(kernels_.store_transposed(rows.data(), stride, channels, out));
    for (int c = 0; c < padded; ++c) {
      for (int row = 0; row < 16; ++row) {
        const uint16_t expected =
            c < channels ? f16_from_f32(rows[static_cast<size_t>(row * stride + c)]) : 0;
        ASSERT_EQ(out[c * 16 + row], expected) << channels << " channels, channel " << c << ", row " << row;
      }
    }
  }
}

TEST_P(F16KernelsTest, ReportsEveryValueThatDoesNotFit) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  alignas(64) uint16_t out[32 * 16];
  for (const int channels : {16, 20, 32}) {
    std::vector<float> rows(static_cast<size_t>(16 * channels), 65504.0f);
    ASSERT_TRUE(kernels_.store_transposed(rows.data(), channels, channels, out));
    for (const float bad : {kInfinity, -kInfinity, kNan, -kNan, 65520.0f, -1e10f}) {
      for (size_t at = 0; at < rows.size(); ++at) {
        const float good = rows[at];
        rows[at] = bad;
        ASSERT_FALSE(kernels_.store_transposed(rows.data(), channels, channels, out)) << at;
        const size_t row = at / static_cast<size_t>(channels) * static_cast<size_t>(channels);
        ASSERT_FALSE(kernels_.store_row(rows.data() + row, channels, out)) << at;
        rows[at] = good;
      }
    }
  }
}

TEST_P(F16KernelsTest, WritesNoChannelBeyondTheRow) {
  for (int channels = 1; channels < 40; ++channels) {
    std::vector<float> row(static_cast<size_t>(channels), 1.0f);
    std::vector<uint16_t> out(48, 0xABCD);
    EXPECT_TRUE(kernels_.store_row(row.data(), channels, out.data()));
    for (int c = 0; c < 48; ++c) ASSERT_EQ(out[static_cast<size_t>(c)], c < channels ? 0x3C00 : 0xABCD);
    std::vector<float> back(48, 7.0f);
    kernels_.load_row(out.data(), channels, back.data());
    for (int c = 0; c < 48; ++c) ASSERT_EQ(back[static_cast<size_t>(c)], c < channels ? 1.0f : 7.0f);
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, F16KernelsTest, testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(name(info.param)); });

}  // namespace
}  // namespace kvcompress
