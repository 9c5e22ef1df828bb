// Attention on codes against attention on what load_page() gives.
#include <gtest/gtest.h>

#include <algorithm>  // std::max_element
#include <cmath>      // std::sqrt, std::exp
#include <vector>     // std::vector

#include "codec/scalar_pages.h"
#include "compute/isa.h"

namespace kvcompress {
namespace {

using enum ScalarSettings::KeyAxis;

// Queries or weights, aligned and padded as the interface wants them.
Bytes padded_rows(const std::vector<float>& rows, int count, int width, int padded) {
  Bytes out(static_cast<size_t>(count * padded) * sizeof(float));
  std::fill_n(out.floats(), count * padded, 0.0f);
  for (int r = 0; r < count; ++r) std::copy_n(rows.data() + r * width, width, out.floats() + r * padded);
  return out;
}

std::vector<float> logits_of(const PackedForm& form, const std::byte* page, const std::vector<float>& queries,
                             int group, Precision precision, const std::byte* ahead = nullptr) {
  const Bytes rows = padded_rows(queries, group, form.head_dim(), padded_head_dim(form.head_dim()));
  Bytes prepared(form.query_bytes(group)), logits(sizeof(float) * static_cast<size_t>(group * kPageSlots));
  form.prepare(reinterpret_cast<const float*>(rows.data()), group, precision, prepared.data());
  form.score(page, prepared.data(), group, precision, logits.floats(), ahead);
  return {logits.floats(), logits.floats() + group * kPageSlots};
}

// [group][padded_head_dim]
std::vector<float> sums_of(const PackedForm& form, const std::byte* page, const std::vector<float>& weights,
                           int group, Precision precision, const std::byte* ahead = nullptr) {
  const Bytes rows = padded_rows(weights, group, kPageSlots, kPageSlots);
  const int width = group * form.sum_floats(), padded = group * padded_head_dim(form.head_dim());
  Bytes sums(sizeof(float) * static_cast<size_t>(width)), out(sizeof(float) * static_cast<size_t>(padded));
  std::fill_n(sums.floats(), width, 0.0f);
  form.accumulate(page, reinterpret_cast<const float*>(rows.data()), group, precision, sums.floats(), ahead);
  form.finish(sums.floats(), group, out.floats());
  return {out.floats(), out.floats() + padded};
}

// left [rows][depths] times x, with x's depths `depth_stride` and lanes `lane_stride` apart, and the same of
// magnitudes, which rounding is to be measured against.
struct Product {
  std::vector<double> sums, magnitudes;
};
Product product(const std::vector<float>& left, int rows, int depths, const std::vector<float>& x, int lanes,
                int depth_stride, int lane_stride) {
  Product out;
  for (int r = 0; r < rows; ++r) {
    for (int lane = 0; lane < lanes; ++lane) {
      double sum = 0, magnitude = 0;
      for (int d = 0; d < depths; ++d) {
        const double term = double{left[static_cast<size_t>(r * depths + d)]} *
                            x[static_cast<size_t>(d * depth_stride + lane * lane_stride)];
        sum += term;
        magnitude += std::abs(term);
      }
      out.sums.push_back(sum);
      out.magnitudes.push_back(magnitude);
    }
  }
  return out;
}

Product logits_of(const std::vector<float>& keys, const std::vector<float>& queries, int group) {
  const int dim = static_cast<int>(keys.size()) / kPageSlots;
  return product(queries, group, dim, keys, kPageSlots, 1, dim);
}
Product sums_of(const std::vector<float>& values, const std::vector<float>& weights, int group) {
  const int dim = static_cast<int>(values.size()) / kPageSlots;
  return product(weights, group, kPageSlots, values, dim, dim, 1);
}

// Weights as a softmax gives them, some slots hidden.
std::vector<float> some_weights(int group, uint64_t seed) {
  std::vector<float> weights = normals(static_cast<size_t>(group * kPageSlots), seed);
  for (float& x : weights) x = std::exp(x - 3);
  for (size_t i = 5; i < weights.size(); i += 11) weights[i] = 0;
  return weights;
}

double root_mean_square(const std::vector<float>& a, const std::vector<double>& b, int columns, int stride) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const size_t row = i / static_cast<size_t>(columns), column = i % static_cast<size_t>(columns);
    const double error = a[row * static_cast<size_t>(stride) + column] - b[i];
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(b.size()));
}
double root_mean_square(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(b.size()));
}

void expect_exact(const PackedForm& form, const SealedPage& sealed, int group, const std::string& what) {
  const int dim = form.head_dim(), padded = padded_head_dim(dim);
  const auto queries = normals(static_cast<size_t>(group * dim), 21), weights = some_weights(group, 22);
  const Product logits = logits_of(sealed.stored_keys, queries, group);
  const auto got = logits_of(form, sealed.page.data(), queries, group, Precision::exact);
  for (size_t i = 0; i < got.size(); ++i) {
    // A rotation mixes channels, so the largest sum of magnitudes stands for all.
    ASSERT_NEAR(got[i], logits.sums[i], 1e-5 * logits.magnitudes[i]) << what << ", group " << group;
  }
  const Product sums = sums_of(sealed.stored_values, weights, group);
  const auto out = sums_of(form, sealed.page.data(), weights, group, Precision::exact);
  for (int r = 0; r < group; ++r) {
    // Here too: turned back, a sum has the rounding of all channels that were turned with it.
    const auto row = sums.magnitudes.begin() + static_cast<std::ptrdiff_t>(r) * dim;
    const double most = *std::max_element(row, row + dim);
    for (int c = 0; c < padded; ++c) {
      const float number = out[static_cast<size_t>(r * padded + c)];
      const size_t at = static_cast<size_t>(r * dim + c);
      if (c >= dim) {
        ASSERT_EQ(number, 0) << what << ": beyond the head";
      } else {
        ASSERT_NEAR(number, sums.sums[at], 1e-5 * most) << what << ", group " << group;
      }
    }
  }
}

class ScalarAttention : public testing::TestWithParam<std::tuple<int, int>> {};

TEST_P(ScalarAttention, ExactIsAttentionOnTheLoadedPage) {
  const auto [head_dim, bits] = GetParam();
  for (const ScalarSettings& settings : settings_to_sweep(bits)) {
    for (const Isa isa : supported_isas()) {
      const auto form = make_scalar_form(settings, head_dim, isa);
      const SealedPage sealed(*form, 31);
      for (const int group : {1, 2, 3, 4, 5, 6, 7, 8, 11}) {
        expect_exact(*form, sealed, group, std::string(name(isa)) + ", " + describe(settings));
      }
    }
  }
}

// The error that fast products add, as a share of what the codec itself costs. The two add as squares, so
// that 0.15 makes the whole error 1.1 % larger.
TEST_P(ScalarAttention, FastAddsLittleToTheErrorOfTheCodec) {
  const auto [head_dim, bits] = GetParam();
  const double limit = bits == 8 ? 0.3 : 0.15;
  for (const ScalarSettings& settings : settings_to_sweep(bits)) {
    const auto form = make_scalar_form(settings, head_dim);
    const SealedPage sealed(*form, 41);
    for (const int group : {1, 2, 3, 4, 5, 6, 7, 8, 11}) {
      const auto queries = normals(static_cast<size_t>(group * head_dim), 42),
                 weights = some_weights(group, 43);
      const std::string what = describe(settings) + ", group " + std::to_string(group);
      const Product logits = logits_of(sealed.stored_keys, queries, group);
      const double lost = root_mean_square(logits_of(sealed.keys, queries, group).sums, logits.sums);
      const auto got = logits_of(*form, sealed.page.data(), queries, group, Precision::fast);
      EXPECT_LT(root_mean_square(got, logits.sums, kPageSlots, kPageSlots), limit * lost) << what;
      const Product sums = sums_of(sealed.stored_values, weights, group);
      const double lost_sums = root_mean_square(sums_of(sealed.values, weights, group).sums, sums.sums);
      const auto out = sums_of(*form, sealed.page.data(), weights, group, Precision::fast);
      EXPECT_LT(root_mean_square(out, sums.sums, head_dim, padded_head_dim(head_dim)), limit * lost_sums)
          << what;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ScalarAttention,
                         testing::Combine(testing::Values(16, 40, 64, 80, 96, 128, 256, 320),
                                          testing::Values(2, 3, 4, 8)),
                         [](const auto& info) {
                           return std::to_string(std::get<0>(info.param)) + "_channels_" +
                                  std::to_string(std::get<1>(info.param)) + "_bits";
                         });

TEST(ScalarAttentionMixed, KeysAndValuesMayDifferInBits) {
  const auto form = make_scalar_form({.key_bits = 3, .value_bits = 8, .key_group = 32, .rotated = true}, 80);
  expect_exact(*form, SealedPage(*form, 51), 5, form->name());
}

TEST(ScalarAttentionMixed, SumsAreAddedToAndThePageAheadIsOnlyAHint) {
  for (const Precision precision : {Precision::exact, Precision::fast}) {
    const auto form = make_scalar_form({}, 64);
    const SealedPage first(*form, 61), second(*form, 63);
    const auto queries = normals(3 * 64, 64), weights = some_weights(3, 65);
    const auto plain = logits_of(*form, first.page.data(), queries, 3, precision);
    EXPECT_EQ(plain, logits_of(*form, first.page.data(), queries, 3, precision, second.page.data()));
    const auto sums = sums_of(*form, first.page.data(), weights, 3, precision);
    EXPECT_EQ(sums, sums_of(*form, first.page.data(), weights, 3, precision, second.page.data()));

    const Bytes rows = padded_rows(weights, 3, kPageSlots, kPageSlots);
    Bytes both(sizeof(float) * 3 * 64), out(sizeof(float) * 3 * 64);
    std::fill_n(both.floats(), 3 * 64, 0.0f);
    for (const SealedPage* page : {&first, &second}) {
      form->accumulate(page->page.data(), reinterpret_cast<const float*>(rows.data()), 3, precision,
                       both.floats());
    }
    form->finish(both.floats(), 3, out.floats());
    const auto more = sums_of(*form, second.page.data(), weights, 3, precision);
    for (size_t i = 0; i < more.size(); ++i) EXPECT_NEAR(out.floats()[i], sums[i] + more[i], 1e-5);
  }
}

// One channel 100 times the others, in keys and queries: what rounding queries to bytes suffers from most.
TEST(ScalarAttentionMixed, FastSurvivesAnOutlierChannel) {
  for (const int bits : {4, 8}) {
    for (const bool rotated : {false, true}) {
      const auto form = make_scalar_form({.key_bits = bits, .value_bits = bits, .rotated = rotated}, 64);
      auto keys = normals(static_cast<size_t>(kPageSlots) * 64, 71);
      for (size_t i = 9; i < keys.size(); i += 64) keys[i] = 100 + 10 * keys[i];
      const SealedPage sealed(*form, keys, keys);
      const auto queries = normals(3 * 64, 72);
      const Product logits = logits_of(sealed.stored_keys, queries, 3);
      const double lost = root_mean_square(logits_of(sealed.keys, queries, 3).sums, logits.sums);
      const auto got = logits_of(*form, sealed.page.data(), queries, 3, Precision::fast);
      EXPECT_LT(root_mean_square(got, logits.sums, kPageSlots, kPageSlots), 0.3 * lost) << bits << rotated;
    }
  }
}

TEST(ScalarAttentionMixed, NothingWeighsNothing) {
  for (const Precision precision : {Precision::exact, Precision::fast}) {
    const auto form = make_scalar_form({.value_bits = 8}, 64);
    const SealedPage sealed(*form, 81);
    const std::vector<float> none(2 * 64, 0.0f);
    for (const float logit : logits_of(*form, sealed.page.data(), none, 2, precision)) EXPECT_EQ(logit, 0);
    for (const float sum : sums_of(*form, sealed.page.data(), none, 2, precision)) EXPECT_EQ(sum, 0);
    const std::vector<float> tiny(2 * 64, 1e-38f);
    for (const float sum : sums_of(*form, sealed.page.data(), tiny, 2, precision)) EXPECT_NEAR(sum, 0, 1e-30);
  }
}

}  // namespace
}  // namespace kvcompress
