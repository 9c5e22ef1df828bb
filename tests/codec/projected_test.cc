// Pages of latents: attention on them, their sizes, and the projection that comes out as it went in.
#include <gtest/gtest.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max
#include <cmath>      // std::abs
#include <numeric>    // std::iota
#include <utility>    // std::exchange

#include "codec/f16.h"
#include "codec/projected/half_matrix.h"
#include "codec/projected/outliers.h"
#include "codec/projected/projected_form.h"
#include "codec/scalar_pages.h"
#include "compute/isa.h"

namespace kvcompress {
namespace {

ProjectionSide dense_side(int channels, int rank, uint64_t seed) {
  ProjectionSide side{channels, rank, {}, {}, {}, normals(static_cast<size_t>(channels), seed)};
  side.encode = normals(static_cast<size_t>(channels) * rank, seed + 1);
  side.decode = normals(static_cast<size_t>(channels) * rank, seed + 2);
  for (float& x : side.encode) x /= std::sqrt(static_cast<float>(channels));
  return side;
}

// Every channel but some of the first.
ProjectionSide chosen_side(int channels, int rank, uint64_t seed) {
  ProjectionSide side{channels, rank, {}, {}, {}, normals(static_cast<size_t>(channels), seed)};
  side.kept.resize(static_cast<size_t>(rank));
  std::iota(side.kept.begin(), side.kept.end(), channels - rank);
  return side;
}

std::unique_ptr<ProjectedForm> form_of(const ProjectedSettings& settings, int head_dim,
                                       Isa isa = active_isa()) {
  const auto side = settings.selects ? chosen_side : dense_side;
  return make_projected_form(
      settings, {side(head_dim, settings.key_rank, 1), side(head_dim, settings.value_rank, 5)}, isa);
}

std::vector<ProjectedSettings> settings_to_sweep(int head_dim) {
  std::vector<ProjectedSettings> all;
  for (const int bits : {16, 8, 4, 3}) {
    for (const bool selects : {false, true}) {
      for (const double outliers : {0.0, 0.02}) {
        all.push_back({.key_rank = 32,
                       .value_rank = head_dim / 32 * 16,
                       .bits = bits,
                       .outliers = outliers,
                       .selects = selects});
      }
    }
  }
  all.push_back({.key_rank = head_dim / 16 * 16, .value_rank = 16});
  return all;
}

std::string describe(const ProjectedSettings& s, int head_dim) {
  return std::to_string(head_dim) + " channels, ranks " + std::to_string(s.key_rank) + " " +
         std::to_string(s.value_rank) + ", bits " + std::to_string(s.bits) + ", outliers " +
         std::to_string(s.outliers) + (s.selects ? ", selects" : "");
}

// [rows][stride] in aligned memory, the rest of each row 0.
Bytes aligned(const std::vector<float>& rows, int count, int stride) {
  const int width = static_cast<int>(rows.size()) / count;
  Bytes out(sizeof(float) * static_cast<size_t>(count * stride));
  std::fill_n(out.floats(), count * stride, 0.0f);
  for (int r = 0; r < count; ++r) std::copy_n(rows.data() + r * width, width, out.floats() + r * stride);
  return out;
}

void expect_attention(const PackedForm& form, const SealedPage& sealed, int group, Precision precision,
                      double tolerance, const std::string& what) {
  const int dim = form.head_dim(), padded = padded_head_dim(dim);
  const auto queries = normals(static_cast<size_t>(group * dim), 21);
  auto weights = normals(static_cast<size_t>(group * kPageSlots), 22);
  for (float& x : weights) x = std::exp(x - 3);
  for (size_t i = 5; i < weights.size(); i += 11) weights[i] = 0;

  Bytes prepared(form.query_bytes(group)), logits(sizeof(float) * static_cast<size_t>(group * kPageSlots));
  form.prepare(aligned(queries, group, padded).floats(), group, precision, prepared.data());
  form.score(sealed.page.data(), prepared.data(), group, precision, logits.floats(), sealed.page.data());
  for (int g = 0; g < group; ++g) {
    double most = 0;
    std::vector<double> sums(kPageSlots);
    for (int slot = 0; slot < kPageSlots; ++slot) {
      double magnitude = 0;
      for (int c = 0; c < dim; ++c) {
        const double term = double{queries[g * dim + c]} * sealed.stored_keys[slot * dim + c];
        sums[slot] += term;
        magnitude += std::abs(term);
      }
      most = std::max(most, magnitude);
    }
    for (int slot = 0; slot < kPageSlots; ++slot) {
      ASSERT_NEAR(logits.floats()[g * kPageSlots + slot], sums[slot], tolerance * most) << what;
    }
  }

  Bytes sums(sizeof(float) * static_cast<size_t>(group * form.sum_floats()));
  Bytes out(sizeof(float) * static_cast<size_t>(group * padded));
  std::fill_n(sums.floats(), group * form.sum_floats(), 0.0f);
  // Twice, as over two pages.
  for (int i = 0; i < 2; ++i) {
    form.accumulate(sealed.page.data(), aligned(weights, group, kPageSlots).floats(), group, precision,
                    sums.floats(), nullptr);
  }
  form.finish(sums.floats(), group, out.floats());
  for (int g = 0; g < group; ++g) {
    std::vector<double> expected(static_cast<size_t>(dim));
    double most = 0;
    for (int c = 0; c < dim; ++c) {
      double magnitude = 0;
      for (int slot = 0; slot < kPageSlots; ++slot) {
        const double term = 2.0 * weights[g * kPageSlots + slot] * sealed.stored_values[slot * dim + c];
        expected[c] += term;
        magnitude += std::abs(term);
      }
      most = std::max(most, magnitude);
    }
    for (int c = 0; c < padded; ++c) {
      const float number = out.floats()[g * padded + c];
      if (c < dim) {
        ASSERT_NEAR(number, expected[c], tolerance * most) << what;
      } else {
        ASSERT_EQ(number, 0) << what;
      }
    }
  }
}

class ProjectedPages : public testing::TestWithParam<int> {};

TEST_P(ProjectedPages, AttentionOnLatentsIsAttentionOnTheLoadedPage) {
  for (const ProjectedSettings& settings : settings_to_sweep(GetParam())) {
    for (const Isa isa : supported_isas()) {
      const auto form = form_of(settings, GetParam(), isa);
      const SealedPage sealed(*form, 31);
      for (const int group : {1, 3, 4, 11}) {
        expect_attention(*form, sealed, group, Precision::exact, 1e-5,
                         describe(settings, GetParam()) + ", " + std::string(name(isa)));
      }
      // Latents in f16 are multiplied alike; codes may take rounded products.
      expect_attention(*form, sealed, 3, Precision::fast, settings.bits == 16 ? 1e-5 : 2e-2,
                       describe(settings, GetParam()) + ", fast");
    }
  }
}

TEST_P(ProjectedPages, OneSlotIsThatOfThePage) {
  for (const ProjectedSettings& settings : settings_to_sweep(GetParam())) {
    const auto form = form_of(settings, GetParam());
    const SealedPage sealed(*form, 41);
    const size_t dim = static_cast<size_t>(GetParam());
    std::vector<float> key(dim), value(dim);
    for (const int slot : {0, 17, kPageSlots - 1}) {
      form->load(sealed.page.data(), slot, key.data(), value.data());
      for (size_t c = 0; c < dim; ++c) {
        EXPECT_NEAR(key[c], sealed.stored_keys[slot * dim + c], 1e-4) << describe(settings, GetParam());
        EXPECT_NEAR(value[c], sealed.stored_values[slot * dim + c], 1e-4) << describe(settings, GetParam());
      }
    }
  }
}

TEST_P(ProjectedPages, SizesAreTheFormulas) {
  const auto up = [](size_t bytes) { return (bytes + 63) / 64 * 64; };
  for (const ProjectedSettings& settings : settings_to_sweep(GetParam())) {
    const auto form = form_of(settings, GetParam());
    const size_t keys = static_cast<size_t>(settings.key_rank), ranks = keys + settings.value_rank;
    const auto n = static_cast<size_t>(std::lround(settings.outliers * 64 * GetParam()));
    const size_t latents = settings.bits == 16 ? 128 * ranks : 8 * settings.bits * ranks + up(4 * keys) + 256;
    EXPECT_EQ(form->payload_bytes(), latents + 2 * up(4 * n)) << describe(settings, GetParam());
    EXPECT_EQ(projected_payload_bytes(settings, GetParam()), form->payload_bytes());
    const auto d = static_cast<size_t>(padded_head_dim(GetParam()));
    EXPECT_EQ(form->map_bytes(), 8 * d + ranks * 2 * (settings.selects ? 1 : 3 * d));
    EXPECT_EQ(projected_map_bytes(settings, GetParam()), form->map_bytes());
  }
}

TEST_P(ProjectedPages, AFormMadeOfTheProjectionThatWasKeptWritesTheSamePages) {
  for (const ProjectedSettings& settings : settings_to_sweep(GetParam())) {
    const auto form = form_of(settings, GetParam());
    const Projection kept = form->projection();
    const auto again = make_projected_form(settings, kept);
    EXPECT_EQ(again->projection(), kept);
    const SealedPage first(*form, 51), second(*again, 51);
    EXPECT_TRUE(std::equal(first.page.data(), first.page.data() + form->payload_bytes(), second.page.data()));
    EXPECT_EQ(first.stored_keys, second.stored_keys);
  }
}

INSTANTIATE_TEST_SUITE_P(HeadDims, ProjectedPages, testing::Values(64, 80, 100, 128));

TEST(ProjectedForm, AllChannelsAreTheNumbersInF16) {
  const auto form = form_of({.key_rank = 64, .value_rank = 64, .selects = true}, 64);
  const SealedPage sealed(*form, 61);
  for (size_t i = 0; i < sealed.keys.size(); ++i) {
    EXPECT_NEAR(sealed.stored_keys[i], sealed.keys[i], 4e-3);
    EXPECT_NEAR(sealed.stored_values[i], sealed.values[i], 4e-3);
  }
}

TEST(ProjectedForm, ADroppedChannelIsItsMean) {
  const auto form = form_of({.key_rank = 48, .value_rank = 64, .selects = true}, 64);
  const SealedPage sealed(*form, 62);
  const std::vector<float> mean = form->projection().keys.mean;
  for (int slot = 0; slot < kPageSlots; ++slot) {
    for (int c = 0; c < 16; ++c) EXPECT_EQ(sealed.stored_keys[slot * 64 + c], mean[c]);
  }
}

// A map that equals its transpose is kept twice, not three times.
TEST(ProjectedForm, TransposedMapsAreKeptOnce) {
  ProjectionSide side = dense_side(64, 32, 3);
  for (int c = 0; c < 64; ++c) {
    for (int r = 0; r < 32; ++r) side.decode[r * 64 + c] = side.encode[c * 32 + r];
  }
  const ProjectedSettings settings{.key_rank = 32, .value_rank = 32};
  const auto form = make_projected_form(settings, {side, side});
  EXPECT_EQ(form->map_bytes(), 2 * (4 * 64 + 2 * 2 * 64 * 32));
  expect_attention(*form, SealedPage(*form, 63), 3, Precision::exact, 1e-5, "transposed");
}

TEST(ProjectedForm, OutliersTakeTheLargestErrors) {
  std::vector<float> errors(kPageSlots * 8, 0.125f);
  errors[7] = -3;
  errors[100] = 2;
  errors[511] = 1;
  std::vector<std::byte> at(outlier_bytes(4), std::byte{0xA5});
  keep_outliers(errors.data(), kPageSlots * 8, 4, at.data());
  std::vector<std::pair<int, float>> got;
  for_each_outlier(at.data(), 4, [&](int place, float number) { got.emplace_back(place, number); });
  EXPECT_EQ(got, (std::vector<std::pair<int, float>>{{0, 0.125f}, {7, -3.0f}, {100, 2.0f}, {511, 1.0f}}));
}

TEST(ProjectedForm, OutliersMakeTheErrorSmaller) {
  double last = 1e9;
  for (const double share : {0.0, 0.02, 0.1, 0.25}) {
    const auto form = form_of({.key_rank = 48, .value_rank = 48, .bits = 4, .outliers = share}, 64);
    const SealedPage sealed(*form, 71);
    const double error = mean_square_error(sealed.keys, sealed.stored_keys);
    EXPECT_LT(error, last) << share;
    last = error;
  }
}

TEST(ProjectedForm, NumbersBeyondF16AreClamped) {
  const auto form = form_of({.key_rank = 64, .value_rank = 64, .selects = true}, 64);
  const std::vector<float> huge(kPageSlots * 64, 1e6f);
  const SealedPage sealed(*form, huge, huge);
  for (const float x : sealed.stored_keys) EXPECT_NEAR(x, 65504, 8);
}

TEST(ProjectedForm, ARankThatDoesNotFitIsRefusedWithThoseThatDo) {
  for (const int rank : {40, 8, 80}) {
    try {
      projected_layout({.key_rank = rank}, 64);
      FAIL() << rank;
    } catch (const UsageError& error) {
      EXPECT_EQ(std::string(error.what()), "[store] expected key_rank to fit 64 channels of a head, got " +
                                               std::to_string(rank) + "; choose one of 16, 32, 48, 64");
    }
  }
  EXPECT_THROW(projected_layout({.value_rank = 72}, 80), UsageError);
  EXPECT_THROW(projected_layout({}, 8), UsageError);
  EXPECT_NO_THROW(projected_layout({.outliers = 0.01}, 1024));
  EXPECT_THROW(projected_layout({.outliers = 0.01}, 1040), UsageError);
}

TEST(ProjectedForm, ASharesRankIsTheNearestMultipleOf16) {
  const auto ranks = [](double key, double value, int head_dim) {
    const ProjectedLayout layout = projected_layout({.key_share = key, .value_share = value}, head_dim);
    return std::pair(layout.key_rank, layout.value_rank);
  };
  EXPECT_EQ(ranks(0.5, 1, 64), std::pair(32, 64));
  EXPECT_EQ(ranks(0.6, 0.8, 128), std::pair(80, 96));
  EXPECT_EQ(ranks(0.6, 0.01, 80), std::pair(48, 16));
  EXPECT_EQ(ranks(0.9, 0.99, 100), std::pair(96, 96));
  EXPECT_THROW(ranks(0.5, 1, 100), UsageError);  // all channels are not 96
}

TEST(ProjectedForm, AProjectionOfOtherRanksIsADefect) {
  const ProjectedSettings settings{.key_rank = 32, .value_rank = 32};
  EXPECT_THROW(make_projected_form(settings, {dense_side(64, 32, 1), dense_side(64, 48, 1)}),
               std::logic_error);
  EXPECT_THROW(make_projected_form(settings, {chosen_side(64, 32, 1), dense_side(64, 32, 1)}),
               std::logic_error);
  ProjectionSide cut = dense_side(64, 32, 1);
  cut.encode.pop_back();
  EXPECT_THROW(make_projected_form(settings, {cut, dense_side(64, 32, 1)}), std::logic_error);
}

TEST(ProjectedForm, OutliersThatPointOutOfAPageAreSeen) {
  const ProjectedSettings settings{.key_rank = 32, .value_rank = 32, .outliers = 0.01};
  const auto form = make_projected_form(settings, {dense_side(64, 32, 1), dense_side(64, 32, 2)});
  const auto x = normals(size_t{kPageSlots} * 64, 3);
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  std::vector<Line> lines(form->payload_bytes() / sizeof(Line));
  std::byte* const page = lines[0].bytes;
  form->encode(page, x.data(), x.data(), 0);
  EXPECT_TRUE(form->readable(page));
  const ProjectedLayout layout = projected_layout(settings, 64);
  for (const size_t outliers : {layout.key_outliers, layout.value_outliers}) {
    auto* const place = reinterpret_cast<uint16_t*>(page + outliers);
    const uint16_t before = std::exchange(*place, uint16_t{kPageSlots * 64});
    EXPECT_FALSE(form->readable(page));
    *place = before;
  }
  EXPECT_TRUE(form->readable(page));
}

TEST(HalfProduct, EveryInstructionSetAgreesWithThePlainTwin) {
  for (const auto& [depths, lanes] : {std::pair(64, 32), {100, 16}, {7, 112}, {256, 64}}) {
    std::vector<uint16_t> x;
    for (const float number : normals(static_cast<size_t>(depths) * lanes, 81)) {
      x.push_back(f16_from_f32(number));
    }
    for (int rows = 1; rows <= 9; ++rows) {
      const auto left = normals(static_cast<size_t>(rows) * (depths + 3), 82);
      const auto start = normals(static_cast<size_t>(rows) * (lanes + 16), 83);
      for (const bool add : {false, true}) {
        std::vector<float> expected = start;
        half_product(Isa::scalar)(
            {x.data(), depths, lanes, left.data(), depths + 3, rows, expected.data(), lanes + 16, add, 0});
        for (const Isa isa : supported_isas()) {
          std::vector<float> got = start;
          half_product(isa)(
              {x.data(), depths, lanes, left.data(), depths + 3, rows, got.data(), lanes + 16, add, 64});
          for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-4) << name(isa);
        }
      }
    }
  }
}

}  // namespace
}  // namespace kvcompress
