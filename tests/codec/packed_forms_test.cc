// What holds for every packed form: what comes back of what went in, on every instruction set, and that
// attention on what is stored is attention on what comes back.
#include "support/packed_forms.h"

#include <gtest/gtest.h>

#include <algorithm>  // std::minmax_element
#include <cmath>      // std::abs, std::sqrt
#include <cstring>    // std::memcmp
#include <map>        // std::map

#include "codec/f16.h"  // kF16Max
#include "codec/page_attention.h"
#include "codec/scalar_pages.h"  // SealedPage, normals
#include "compute/isa.h"         // supported_isas

namespace kvcompress {
namespace {

constexpr int kHeadDims[] = {1, 16, 40, 48, 64, 80, 96, 128, 256};

double normal_error(const PackedSettings& settings) {
  const auto form = make_form(settings, 128);
  double sum = 0;
  constexpr int kPages = 20;
  for (uint64_t i = 0; i < kPages; ++i) {
    const SealedPage sealed(*form, 2 * i);
    sum += mean_square_error(sealed.keys, sealed.stored_keys) / 2 +
           mean_square_error(sealed.values, sealed.stored_values) / 2;
  }
  return sum / kPages;
}

// Mean square error of N(0, 1). Minimum-maximum groups of 64 and 128: the table that scalar_encode_test.cc
// has for all sizes, keys of 64 tokens and values of 128 channels here. Floats and ggml's types: simulated in
// double precision with unrounded f16 scales. Codebooks: 2 - 2 * sqrt(1 - D), with D the distortion of Lloyd
// and Max (.1175, .0345, .0095), because norms are kept.
TEST(PackedForms, ErrorsOfNormalNumbersAreThoseOfTheory) {
  const std::map<std::string, double> theory{{"4-bit", (.0080 + .0099) / 2},
                                             {"3-bit", (.037 + .046) / 2},
                                             {"2-bit", (.202 + .250) / 2},
                                             {"4-bit rotated", .00895},
                                             {"3-bit rotated", .0415},
                                             {"2-bit rotated", .226},
                                             {"4-bit, values rotated", .00895},
                                             {"e4m3", .000666},
                                             {"e5m2", .00264},
                                             {"e4m3 blocks of 16, rotated", .000497},
                                             {"e2m1 16 e4m3", .00904},
                                             {"e2m1 32 e4m3", .01035},
                                             {"e2m1 32 e8m0", .01258},
                                             {"e2m1 16 e8m0", .01217},
                                             {"e2m1 16 f16", .00886},
                                             {"e2m1 32 f16, rotated", .01024},
                                             {"q8_0", .00002875},
                                             {"q4_0", .00737},
                                             {"codebook 4", .00952},
                                             {"codebook 3", .03480},
                                             {"codebook 2", .12116}};
  size_t seen = 0;
  for (const NamedForm& form : all_forms()) {
    const auto row = theory.find(form.name);
    if (row == theory.end()) continue;
    ++seen;
    EXPECT_NEAR(normal_error(form.settings) / row->second, 1, 0.05) << form.name;
  }
  EXPECT_EQ(seen, theory.size());
}

// An error is at most `share` of the range, the greatest magnitude or the norm of a token, and of what f16
// rounds of its greatest magnitude.
struct Bound {
  enum class Of { range, greatest, norm } of;
  double share;
};

Bound bound_of(const ScalarSettings& s, int head_dim) {
  const double codes = (1 << std::min(s.key_bits, s.value_bits)) - 1;
  // A transformed token ranges over twice its norm, and turned back a channel may get the error of all.
  if (s.rotated) return {Bound::Of::norm, std::sqrt(head_dim) / codes};
  if (s.symmetric) return {Bound::Of::greatest, 2 / (codes + 1)};
  return {Bound::Of::range, 0.5 / codes};
}

Bound bound_of(const BlockSettings& s, int head_dim) {
  using enum BlockSettings::Element;
  // Half of the spacing below the greatest, where a scale is up to 1/8 (e8m0: 2 * 6 / 7) greater than needed.
  const double finest = s.scale == BlockSettings::Scale::e8m0 ? 12.0 / 7 : 1.125;
  const double of_greatest = s.values == e4m3   ? 1.0 / 16
                             : s.values == e5m2 ? 1.0 / 8
                             : s.values == e2m1 ? finest / 6
                             : s.values == int8 ? 0.6 / 127
                                                : 1.0 / 8;
  if (s.values == normal_4) return {Bound::Of::norm, 0.2};
  if (s.values == normal_3) return {Bound::Of::norm, 0.35};
  if (s.values == normal_2) return {Bound::Of::norm, 0.6};
  // Turned back, a channel may get the error of all, and each is of a magnitude up to the norm.
  if (s.rotated) return {Bound::Of::norm, of_greatest * std::sqrt(head_dim)};
  return {Bound::Of::greatest, of_greatest};
}

double norm_of(const std::vector<float>& row) {
  double squares = 0;
  for (const float x : row) squares += double{x} * x;
  return std::sqrt(squares);
}

double limit_of(const PackedSettings& settings, const std::vector<float>& row) {
  const int head_dim = static_cast<int>(row.size());
  const auto* scalar = std::get_if<ScalarSettings>(&settings);
  const Bound bound =
      scalar != nullptr ? bound_of(*scalar, head_dim) : bound_of(std::get<BlockSettings>(settings), head_dim);
  const auto [low, high] = std::minmax_element(row.begin(), row.end());
  const double greatest = std::max(std::abs(double{*low}), std::abs(double{*high}));
  const double of = bound.of == Bound::Of::range      ? double{*high} - *low
                    : bound.of == Bound::Of::greatest ? greatest
                                                      : norm_of(row);
  return bound.share * of * (1 + 0x1p-9) + greatest * 0x1p-11 + 0x1p-18;
}

// A page whose tokens are all `row`.
void expect_bounded(const std::vector<float>& row, const char* what) {
  std::vector<float> numbers;
  for (int slot = 0; slot < kPageSlots; ++slot) numbers.insert(numbers.end(), row.begin(), row.end());
  for (const NamedForm& named : all_forms()) {
    const auto* scalar = std::get_if<ScalarSettings>(&named.settings);
    // The transform may put a whole norm into one channel, which a minimum in f16 has to hold.
    if (scalar != nullptr && scalar->rotated && norm_of(row) > kF16Max) continue;
    const auto form = make_form(named.settings, static_cast<int>(row.size()));
    const SealedPage sealed(*form, numbers, numbers);
    const double limit = limit_of(named.settings, row);
    for (size_t i = 0; i < numbers.size(); ++i) {
      ASSERT_NEAR(sealed.stored_keys[i], numbers[i], limit) << what << ", " << named.name << ", key " << i;
      ASSERT_NEAR(sealed.stored_values[i], numbers[i], limit)
          << what << ", " << named.name << ", value " << i;
    }
  }
}

TEST(PackedForms, ErrorsAreBoundedWhateverTheGroup) {
  std::vector<float> row(64, 5.3f);
  expect_bounded(row, "constant");
  expect_bounded(std::vector<float>(64, 0.0f), "zero");
  expect_bounded(std::vector<float>(64, -0.1f), "negative constant");
  for (size_t i = 0; i < row.size(); ++i) row[i] = 5 + static_cast<float>(i) / 63;
  expect_bounded(row, "5 to 6");
  for (float& x : row) x = -x;
  expect_bounded(row, "-6 to -5");
  row = normals(64, 1);
  row[17] = 100;
  expect_bounded(row, "an outlier of 100x");
  for (float& x : row) x = x * 1e-8f;
  expect_bounded(row, "below the least half");
  for (float& x : row) x = x * 1e-32f;
  expect_bounded(row, "subnormal");
  row.assign(64, 0.0f);
  row[40] = 3e-39f;
  expect_bounded(row, "one subnormal");
  for (size_t i = 0; i < row.size(); ++i) row[i] = i % 2 == 0 ? kF16Max : -kF16Max;
  expect_bounded(row, "the ends of f16");
  row = normals(20, 3);
  expect_bounded(row, "a padded head");
}

// A token 10,000 times greater than the others leaves the others' blocks as exact as they were, up to what an
// e4m3 scale can be less than the greatest of the page.
TEST(PackedForms, AGreatTokenDoesNotHideTheOthers) {
  for (const NamedForm& named : block_forms()) {
    const auto form = make_form(named.settings, 64);
    std::vector<float> numbers = normals(static_cast<size_t>(kPageSlots) * 64, 5);
    const SealedPage before(*form, numbers, numbers);
    for (size_t i = 0; i < 64; ++i) numbers[i] *= 10000;
    const SealedPage after(*form, numbers, numbers);
    double error_before = 0, error_after = 0;
    for (size_t i = 64; i < numbers.size(); ++i) {
      error_before += std::pow(before.values[i] - before.stored_values[i], 2);
      error_after += std::pow(after.values[i] - after.stored_values[i], 2);
    }
    EXPECT_LT(error_after, 1.1 * error_before) << named.name;
  }
}

TEST(PackedForms, EveryInstructionSetGivesTheSameBytesAndNumbers) {
  for (const int head_dim : kHeadDims) {
    for (const NamedForm& named : block_forms()) {
      const SealedPage plain(*make_form(named.settings, head_dim, Isa::scalar), 11);
      for (const Isa isa : supported_isas()) {
        const SealedPage sealed(*make_form(named.settings, head_dim, isa), 11);
        ASSERT_EQ(std::memcmp(plain.page.data(), sealed.page.data(), sealed.page.size()), 0)
            << name(isa) << ", " << named.name << ", " << head_dim;
        ASSERT_EQ(plain.stored_keys, sealed.stored_keys) << name(isa) << ", " << named.name << head_dim;
        ASSERT_EQ(plain.stored_values, sealed.stored_values) << name(isa) << ", " << named.name << head_dim;
      }
    }
  }
}

TEST(PackedForms, OneSlotIsWhatThePageHas) {
  for (const int head_dim : kHeadDims) {
    std::vector<float> key(static_cast<size_t>(head_dim)), value(key.size());
    for (const NamedForm& named : block_forms()) {
      const auto form = make_form(named.settings, head_dim);
      const SealedPage sealed(*form, 12);
      for (int slot = 0; slot < kPageSlots; slot += 7) {
        form->load(sealed.page.data(), slot, key.data(), nullptr);
        form->load(sealed.page.data(), slot, nullptr, value.data());
        const auto at = static_cast<std::ptrdiff_t>(slot) * head_dim;
        ASSERT_TRUE(std::equal(key.begin(), key.end(), sealed.stored_keys.begin() + at)) << named.name;
        ASSERT_TRUE(std::equal(value.begin(), value.end(), sealed.stored_values.begin() + at)) << named.name;
      }
    }
  }
}

TEST(PackedForms, AttentionIsAttentionOnTheLoadedPage) {
  for (const int head_dim : {16, 40, 48, 64, 80, 96, 128, 256}) {
    for (const NamedForm& named : all_forms()) {
      for (const Isa isa : supported_isas()) {
        const auto form = make_form(named.settings, head_dim, isa);
        const SealedPage sealed(*form, 31);
        for (const int group : {1, 2, 3, 4, 7}) {
          expect_exact(*form, sealed, group, std::string(name(isa)) + ", " + named.name);
          if (HasFatalFailure()) return;
        }
      }
    }
  }
}

TEST(PackedForms, FastIsExact) {
  for (const NamedForm& named : block_forms()) {
    const auto form = make_form(named.settings, 64);
    const SealedPage sealed(*form, 41);
    const auto queries = normals(3 * 64, 42), weights = some_weights(3, 43);
    EXPECT_EQ(logits_of(*form, sealed.page.data(), queries, 3, Precision::fast),
              logits_of(*form, sealed.page.data(), queries, 3, Precision::exact))
        << named.name;
    EXPECT_EQ(sums_of(*form, sealed.page.data(), weights, 3, Precision::fast),
              sums_of(*form, sealed.page.data(), weights, 3, Precision::exact))
        << named.name;
  }
}

}  // namespace
}  // namespace kvcompress
