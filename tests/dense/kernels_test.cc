// The kernels one by one, each against its plain twin.
#include <gtest/gtest.h>

#include <algorithm>  // std::clamp
#include <cmath>      // std::abs, std::isnan, std::sqrt
#include <cstring>    // std::memcpy
#include <limits>     // std::numeric_limits
#include <string>     // std::string
#include <utility>    // std::pair
#include <vector>     // std::vector

#include "dense/expand_kernels.h"
#include "dense/panel_kernels.h"
#include "dense/reference.h"
#include "dense/rows_kernels.h"

namespace kvcompress {
namespace {

using testing::random_floats;
using testing::TestWeight;

class KernelsOnEveryIsa : public ::testing::TestWithParam<Isa> {};

INSTANTIATE_TEST_SUITE_P(Isas, KernelsOnEveryIsa, ::testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST_P(KernelsOnEveryIsa, ExpandAsGgmlDoes) {
  int kernels = 0;
  for (const int type : testing::weight_types()) {
    const WeightType& info = weight_type(type);
    const ExpandRow expand = expand_row_kernel(GetParam(), info.format);
    if (expand == nullptr) continue;
    ++kernels;
    SCOPED_TRACE(info.name);
    const TestWeight weight(type, 3, 1024, 5);
    for (int row = 0; row < 3; ++row) {
      const std::byte* data = weight.view.data + row * weight.view.row_bytes;
      for (const auto& [first, count] : {std::pair{0, 1024}, {256, 256}, {512, 512}}) {
        std::vector<float> out(count + 1, -7.0f);
        expand(data, first, count, out.data());
        for (int i = 0; i < count; ++i) {
          const float want = weight.values[row * 1024 + first + i];
          ASSERT_NEAR(out[i], want, 1e-6f * (1 + std::abs(want))) << first + i;
        }
        EXPECT_EQ(out[count], -7.0f) << "written beyond the end";
      }
    }
  }
  EXPECT_EQ(kernels, GetParam() == Isa::scalar ? 0 : kWeightFormats);
}

std::vector<std::byte> panel_of(const PanelKernels& kernels, const std::vector<float>& weights, int rows,
                                int64_t columns, int64_t padded) {
  std::vector<std::byte> panel(kPanelRows * padded * (kernels.bf16 ? 2 : 4));
  std::vector<float> staging(kPackRows * padded, 0.0f);
  for (int lane = 0; lane < kPanelRows; lane += kPackRows) {
    const int present = std::clamp(rows - lane, 0, kPackRows);
    for (int r = 0; r < present; ++r) {
      std::memcpy(staging.data() + r * padded, weights.data() + (lane + r) * columns, columns * 4);
    }
    kernels.pack(staging.data(), padded, present, padded, lane, panel.data());
  }
  return panel;
}

void expect_same_panels(const PanelKernels& kernels, const PanelKernels& twin) {
  for (const int rows : {1, 16, 20, 48, 64}) {
    for (const int64_t columns : {1, 2, 31, 33, 64, 150}) {
      const int64_t padded = columns + columns % 2;
      const std::vector<float> weights = random_floats(rows * columns, 3);
      const auto panel = panel_of(kernels, weights, rows, columns, padded);
      ASSERT_EQ(panel, panel_of(twin, weights, rows, columns, padded)) << rows << "x" << columns;
      for (const int tokens : {1, 2, 3, 4, 5, 6, 7, 13}) {
        const std::vector<float> x = random_floats(tokens * columns, 4);
        std::vector<std::byte> a(tokens * padded * 4), b(a.size());
        const int64_t token_bytes = padded * (kernels.bf16 ? 2 : 4);
        for (int t = 0; t < tokens; ++t) {
          kernels.convert(x.data() + t * columns, columns, padded, a.data() + t * token_bytes);
          twin.convert(x.data() + t * columns, columns, padded, b.data() + t * token_bytes);
        }
        ASSERT_EQ(a, b);
        const std::vector<float> bias = random_floats(rows, 5);
        std::vector<float> partial = random_floats(tokens * kPanelRows, 6), got(tokens * (rows + 3), 1.0f),
                           want = got;
        for (const bool first : {true, false}) {
          PanelCall call{a.data(), padded,         tokens,      panel.data(), padded,   rows,  first,
                         true,     partial.data(), bias.data(), got.data(),   rows + 3, !first};
          kernels.multiply(call);
          call.output = want.data();
          twin.multiply(call);
          for (size_t i = 0; i < got.size(); ++i) {
            ASSERT_NEAR(got[i], want[i], 1e-5f * std::sqrt(columns + 1.0f))
                << rows << "x" << columns << " " << tokens;
          }
        }
        PanelCall part{a.data(), padded,         tokens,  panel.data(), padded, rows, true,
                       false,    partial.data(), nullptr, nullptr,      0,      false};
        std::vector<float> other(partial.size());
        kernels.multiply(part);
        part.partial = other.data();
        twin.multiply(part);
        for (int t = 0; t < tokens; ++t) {
          for (int r = 0; r < rows; ++r)
            ASSERT_NEAR(partial[t * 64 + r], other[t * 64 + r], 1e-5f * (columns + 1));
        }
      }
    }
  }
}

TEST_P(KernelsOnEveryIsa, F32PanelsAgreeWithTheTwin) {
  expect_same_panels(panel_kernels(GetParam(), false), kScalarPanelF32);
}

TEST_P(KernelsOnEveryIsa, Bf16PanelsAgreeWithTheTwin) {
  if (!panel_kernels(GetParam(), true).bf16) GTEST_SKIP() << name(GetParam()) << " has no BF16 products";
  expect_same_panels(panel_kernels(GetParam(), true), kScalarPanelBf16);
}

TEST_P(KernelsOnEveryIsa, QuantiseActivationsAsTheTwinDoes) {
  for (const int64_t columns : {32, 96, 128, 576, 896}) {
    std::vector<float> x = random_floats(columns, 1);
    for (int i = 0; i < 32; ++i) x[i] *= 1000.0f;
    std::vector<ActivationUnit> got(activation_units(columns)), want(got.size());
    quantize_activations_kernel(GetParam())(x.data(), columns, got.data());
    quantize_activations_scalar(x.data(), columns, want.data());
    for (size_t u = 0; u < got.size(); ++u) {
      EXPECT_EQ(std::memcmp(got[u].codes, want[u].codes, sizeof got[u].codes), 0);
      for (int b = 0; b < ActivationUnit::kBlocks; ++b) {
        EXPECT_EQ(got[u].scale[b], want[u].scale[b]);
        EXPECT_EQ(got[u].sum[b], want[u].sum[b]);
        EXPECT_EQ(got[u].sum_high[b], want[u].sum_high[b]);
      }
    }
  }
}

TEST_P(KernelsOnEveryIsa, ActivationsThatAreNotFiniteGiveNaN) {
  constexpr float kBad[] = {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(), -std::numeric_limits<float>::infinity()};
  constexpr int64_t kColumns = 256;
  for (const float bad : kBad) {
    for (const int at : {0, 15, 16, 31, 100, 255}) {
      std::vector<float> x = random_floats(kColumns, 1);
      x[at] = bad;
      std::vector<ActivationUnit> got(activation_units(kColumns));
      quantize_activations_kernel(GetParam())(x.data(), kColumns, got.data());
      for (int block = 0; block < kColumns / 32; ++block) {
        const ActivationUnit& unit = got[block / 4];
        EXPECT_EQ(std::isnan(unit.scale[block % 4]), block == at / 32) << bad << " at " << at;
        if (block == at / 32) {
          EXPECT_EQ(unit.sum[block % 4], 0);
        }
      }
      for (const int type : testing::weight_types()) {
        const WeightType& info = weight_type(type);
        const MultiplyRows multiply = multiply_rows_kernel(GetParam(), info.format);
        if (multiply == nullptr) continue;
        const TestWeight weight(type, 5, kColumns, 2);
        std::vector<float> out(5);
        multiply({weight.view.data, weight.view.row_bytes, 5, kColumns, got.data(), 1, nullptr, out.data(), 5,
                  false});
        for (const float value : out) EXPECT_TRUE(std::isnan(value)) << info.name << ' ' << bad;
      }
    }
  }
}

TEST_P(KernelsOnEveryIsa, RowsAgreeWithTheTwin) {
  int kernels = 0;
  for (const int type : testing::weight_types()) {
    const WeightType& info = weight_type(type);
    const MultiplyRows multiply = multiply_rows_kernel(GetParam(), info.format);
    if (multiply == nullptr) continue;
    ++kernels;
    for (const int64_t blocks : {1, 2, 3, 4, 5, 18, 28}) {
      for (const int64_t rows : {1, 2, 3, 4, 5, 9}) {
        const int64_t columns = blocks * info.block;
        SCOPED_TRACE(std::string(info.name) + " " + std::to_string(rows) + "x" + std::to_string(columns));
        const TestWeight weight(type, rows, columns, 2);
        for (const int tokens : {1, 2, 3, 5, 7, 8, 17}) {
          const std::vector<float> x = random_floats(tokens * columns, 3), bias = random_floats(rows, 4);
          const int64_t units = activation_units(columns);
          std::vector<ActivationUnit> activations(tokens * units);
          for (int t = 0; t < tokens; ++t) {
            quantize_activations_scalar(x.data() + t * columns, columns, activations.data() + t * units);
          }
          std::vector<float> got(tokens * (rows + 1), 0.5f), want = got;
          RowsCall call{weight.view.data, weight.view.row_bytes, rows,       columns,  activations.data(),
                        tokens,           bias.data(),           got.data(), rows + 1, true};
          multiply(call);
          call.output = want.data();
          multiply_rows_kernel(Isa::scalar, info.format)(call);
          for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], want[i], 2e-6f * columns) << i;
        }
      }
    }
  }
  const bool own = GetParam() == Isa::scalar || GetParam() == Isa::avx512_bf16;
  EXPECT_EQ(kernels, own ? 8 : 0);
}

}  // namespace
}  // namespace kvcompress
