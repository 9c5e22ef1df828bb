// What comes back of what went in.
#include <gtest/gtest.h>

#include <cmath>    // std::abs, std::sqrt
#include <cstring>  // std::memcmp
#include <vector>   // std::vector

#include "codec/f16.h"  // kF16Max
#include "codec/scalar_pages.h"
#include "compute/isa.h"

namespace kvcompress {
namespace {

using enum ScalarSettings::KeyAxis;

std::vector<float> shifted(std::vector<float> numbers, float shift) {
  for (float& x : numbers) x += shift;
  return numbers;
}

double codec_error(int bits, int group, bool stochastic, float shift) {
  const ScalarSettings settings{.key_bits = bits,
                                .value_bits = bits,
                                .key_axis = token,
                                .key_group = group,
                                .value_group = group,
                                .stochastic = stochastic};
  const auto form = make_scalar_form(settings, 128);
  double sum = 0;
  constexpr int kPages = 40;
  for (int i = 0; i < kPages; ++i) {
    const size_t count = static_cast<size_t>(kPageSlots) * 128;
    const uint64_t seed = 2 * static_cast<uint64_t>(i);
    const SealedPage sealed(*form, shifted(normals(count, seed), shift),
                            shifted(normals(count, seed + 1), shift), seed);
    sum += mean_square_error(sealed.keys, sealed.stored_keys) / 2 +
           mean_square_error(sealed.values, sealed.stored_values) / 2;
  }
  return sum / kPages;
}

// Per-element mean square error of minimum-maximum groups of N(0, 1). A shift away from 0 changes nothing
// but the rounding of the minimum to f16.
TEST(ScalarEncode, ErrorsOfNormalNumbersAreThoseOfTheory) {
  struct Row {
    int group;
    double bits_2, bits_3, bits_4;
  };
  for (const Row& row : {Row{32, .154, .028, .0061}, {64, .202, .037, .0080}, {128, .250, .046, .0099}}) {
    for (const float shift : {0.0f, 8.0f}) {
      EXPECT_NEAR(codec_error(2, row.group, false, shift) / row.bits_2, 1, 0.05) << row.group;
      EXPECT_NEAR(codec_error(3, row.group, false, shift) / row.bits_3, 1, 0.05) << row.group;
      EXPECT_NEAR(codec_error(4, row.group, false, shift) / row.bits_4, 1, 0.05) << row.group;
    }
  }
}

TEST(ScalarEncode, RoundingAtRandomDoublesTheSquareErrorAndHasNoBias) {
  EXPECT_NEAR(codec_error(2, 32, true, 0) / .309, 1, 0.05);
  EXPECT_NEAR(codec_error(2, 128, true, 0) / .498, 1, 0.05);
  const auto form = make_scalar_form({.key_bits = 2, .value_bits = 2, .stochastic = true}, 64);
  std::vector<float> numbers(static_cast<size_t>(kPageSlots) * 64,
                             0.3f);  // a tenth of the way to the next code
  for (int slot = 0; slot < kPageSlots; ++slot) {
    numbers[static_cast<size_t>(slot) * 64] = 0;
    numbers[static_cast<size_t>(slot) * 64 + 1] = 9;
  }
  double sum = 0;
  constexpr int kSeeds = 50;
  std::vector<std::vector<float>> seen;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    const SealedPage sealed(*form, numbers, numbers, seed), again(*form, numbers, numbers, seed);
    ASSERT_EQ(std::memcmp(sealed.page.data(), again.page.data(), sealed.page.size()), 0);
    for (size_t i = 0; i < numbers.size(); ++i) sum += i % 64 > 1 ? sealed.stored_values[i] : 0;
    seen.push_back(sealed.stored_values);
  }
  EXPECT_NEAR(sum / (kSeeds * kPageSlots * 62), 0.3, 0.01);
  EXPECT_NE(seen[0], seen[1]);
}

// What a stored number may differ by from its group [low, high], where the greatest code is `codes`.
double bound(double low, double high, int bits, bool symmetric) {
  const double greatest = std::max(std::abs(low), std::abs(high));
  const double f16_step = std::max(greatest * 0x1p-10, 0x1p-24);
  if (symmetric) return greatest / (1 << (bits - 1)) * (1 + 0x1p-10) + 0x1p-24;
  const double scale = (high - low + f16_step) / ((1 << bits) - 1);
  return (scale * (1 + 0x1p-10) + 0x1p-24) / 2 + greatest * 0x1p-22;
}

// A page whose tokens all have their numbers from `token`, [64]. By token, so that a group is what is given.
void expect_bounded(const std::vector<float>& row, const char* what) {
  std::vector<float> numbers;
  for (int slot = 0; slot < kPageSlots; ++slot) numbers.insert(numbers.end(), row.begin(), row.end());
  const auto [low, high] = std::minmax_element(row.begin(), row.end());
  for (const int bits : {2, 3, 4, 8}) {
    for (const bool symmetric : {false, true}) {
      const auto form = make_scalar_form(
          {.key_bits = bits, .value_bits = bits, .key_axis = token, .key_group = 0, .symmetric = symmetric},
          static_cast<int>(row.size()));
      const SealedPage sealed(*form, numbers, numbers);
      const double limit = bound(*low, *high, bits, symmetric);
      for (size_t i = 0; i < numbers.size(); ++i) {
        ASSERT_NEAR(sealed.stored_keys[i], numbers[i], limit)
            << what << ", " << bits << " bits, " << symmetric;
        ASSERT_NEAR(sealed.stored_values[i], numbers[i], limit) << what << ", " << bits << " bits";
      }
    }
  }
}

TEST(ScalarEncode, ErrorsAreBoundedWhateverTheGroup) {
  std::vector<float> row(64, 5.3f);
  expect_bounded(row, "constant");
  expect_bounded(std::vector<float>(64, 0.0f), "zero");
  expect_bounded(std::vector<float>(64, -0.1f), "negative constant");
  for (size_t i = 0; i < row.size(); ++i) row[i] = 5 + static_cast<float>(i) / 63;
  expect_bounded(row, "5 to 6");
  for (float& x : row) x = -x;
  expect_bounded(row, "-6 to -5");
  for (float& x : row) x = 1000 + x / 8;
  expect_bounded(row, "a narrow range far from 0");
  row = normals(64, 1);
  row[17] = 100;
  expect_bounded(row, "an outlier");
  for (float& x : row) x = x * 1e-8f;
  expect_bounded(row, "below the least half");
  for (float& x : row) x = x * 1e-32f;
  expect_bounded(row, "subnormal");
  for (size_t i = 0; i < row.size(); ++i) row[i] = i % 2 == 0 ? kF16Max : -kF16Max;
  expect_bounded(row, "the ends of f16");
  expect_bounded({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, "a padded head");
}

TEST(ScalarEncode, ChannelGroupsKeepAnOutlierChannelToItself) {
  const auto form = make_scalar_form({.key_bits = 4, .value_bits = 4}, 64);
  std::vector<float> keys = normals(static_cast<size_t>(kPageSlots) * 64, 5);
  for (size_t i = 7; i < keys.size(); i += 64) keys[i] = 100 + 100 * keys[i];
  const SealedPage sealed(*form, keys, keys);
  double others = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    if (i % 64 != 7) others = std::max(others, double{std::abs(keys[i] - sealed.stored_keys[i])});
  }
  EXPECT_LT(others, 0.26);  // 15 steps over about 7 standard deviations
}

TEST(ScalarEncode, RotationSpreadsAnOutlier) {
  for (const int head_dim : {64, 80, 96, 128}) {
    std::vector<float> numbers = normals(static_cast<size_t>(kPageSlots * head_dim), 6);
    for (size_t i = 3; i < numbers.size(); i += static_cast<size_t>(head_dim)) numbers[i] *= 100;
    ScalarSettings settings{.key_axis = token, .key_group = 0};
    const SealedPage plain(*make_scalar_form(settings, head_dim), numbers, numbers);
    settings.rotated = true;
    const SealedPage rotated(*make_scalar_form(settings, head_dim), numbers, numbers);
    EXPECT_LT(mean_square_error(rotated.values, rotated.stored_values),
              mean_square_error(plain.values, plain.stored_values) / 2)
        << head_dim;
  }
}

TEST(ScalarEncode, SymmetricCodesReachTheirLowestOnEitherSide) {
  const auto form = make_scalar_form({.key_bits = 2, .value_bits = 2, .symmetric = true}, 16);
  for (const float sign : {1.0f, -1.0f}) {
    std::vector<float> numbers;
    for (int slot = 0; slot < kPageSlots; ++slot) {
      for (int c = 0; c < 16; ++c)
        numbers.push_back(sign * 0.5f * static_cast<float>(c % 4 - 1));  // -.5 to 1
    }
    const SealedPage sealed(*form, numbers, numbers);
    EXPECT_EQ(sealed.stored_values, numbers);  // 1 is code 0, -.5 is code 3
  }
}

class ScalarEncodeSweep : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(ScalarEncodeSweep, EveryInstructionSetGivesTheSameBytesAndNumbers) {
  const auto [head_dim, bits] = GetParam();
  for (ScalarSettings settings : settings_to_sweep(bits)) {
    for (const bool stochastic : {false, true}) {
      settings.stochastic = stochastic;
      const SealedPage plain(*make_scalar_form(settings, head_dim, Isa::scalar), 11);
      for (const Isa isa : supported_isas()) {
        const auto form = make_scalar_form(settings, head_dim, isa);
        const SealedPage sealed(*form, 11);
        ASSERT_EQ(std::memcmp(plain.page.data(), sealed.page.data(), sealed.page.size()), 0)
            << name(isa) << ", " << describe(settings);
        ASSERT_EQ(plain.stored_keys, sealed.stored_keys) << name(isa) << ", " << describe(settings);
        ASSERT_EQ(plain.stored_values, sealed.stored_values) << name(isa) << ", " << describe(settings);
      }
    }
  }
}

TEST_P(ScalarEncodeSweep, OneSlotIsWhatThePageHas) {
  const auto [head_dim, bits] = GetParam();
  std::vector<float> key(static_cast<size_t>(head_dim)), value(key.size());
  for (const ScalarSettings& settings : settings_to_sweep(bits)) {
    const auto form = make_scalar_form(settings, head_dim);
    const SealedPage sealed(*form, 12);
    std::vector<float> values(sealed.values.size());
    form->load_page(sealed.page.data(), nullptr, values.data());
    ASSERT_EQ(values, sealed.stored_values);
    for (int slot = 0; slot < kPageSlots; slot += 7) {
      form->load(sealed.page.data(), slot, key.data(), nullptr);
      form->load(sealed.page.data(), slot, nullptr, value.data());
      for (int c = 0; c < head_dim; ++c) {
        const size_t at = static_cast<size_t>(slot * head_dim + c);
        ASSERT_EQ(key[static_cast<size_t>(c)], sealed.stored_keys[at]) << describe(settings);
        ASSERT_EQ(value[static_cast<size_t>(c)], sealed.stored_values[at]) << describe(settings);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ScalarEncodeSweep,
                         testing::Combine(testing::Values(16, 40, 64, 80, 96, 128, 256),
                                          testing::Values(2, 3, 4, 8)),
                         [](const auto& info) {
                           return std::to_string(std::get<0>(info.param)) + "_channels_" +
                                  std::to_string(std::get<1>(info.param)) + "_bits";
                         });

}  // namespace
}  // namespace kvcompress
