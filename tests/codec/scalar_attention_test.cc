// Attention on codes against attention on what load_page() gives.
#include <gtest/gtest.h>

#include <algorithm>  // std::fill_n
#include <vector>     // std::vector

#include "codec/page_attention.h"
#include "codec/scalar_pages.h"
#include "compute/isa.h"

namespace kvcompress {
namespace {

using enum ScalarSettings::KeyAxis;

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
