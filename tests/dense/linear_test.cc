#include "dense/linear.h"

#include <gtest/gtest.h>

#include <cmath>    // std::sqrt
#include <cstdlib>  // setenv
#include <string>   // std::string
#include <vector>   // std::vector

#include "compute/isa.h"  // supported_isas
#include "dense/reference.h"
#include "kvcompress/error.h"  // UsageError

namespace kvcompress {
namespace {

using testing::random_floats;
using testing::reference_dot;
using testing::TestWeight;

// KVCOMPRESS_ISA for the life of the object.
class ForcedIsa {
 public:
  explicit ForcedIsa(Isa isa) { setenv("KVCOMPRESS_ISA", std::string(name(isa)).c_str(), 1); }
  ~ForcedIsa() { unsetenv("KVCOMPRESS_ISA"); }
};

// The error of a product, as the root mean square over outputs of |got - want| / sqrt(sum of squares of the
// terms): independent of how terms cancel.
double relative_error(const TestWeight& weight, const std::vector<float>& input, int tokens,
                      const float* got) {
  const Weight& w = weight.view;
  double error = 0, scale = 0;
  for (int t = 0; t < tokens; ++t) {
    for (int64_t r = 0; r < w.rows; ++r) {
      const float* row = weight.values.data() + r * w.columns;
      const float* x = input.data() + t * w.columns;
      const double want = reference_dot(row, x, w.columns).value;
      error += (got[t * w.rows + r] - want) * (got[t * w.rows + r] - want);
      for (int64_t c = 0; c < w.columns; ++c) scale += double{row[c]} * row[c] * x[c] * x[c];
    }
  }
  return std::sqrt(error / scale);
}

std::vector<float> multiply(Linear& linear, const Weight& weight, const std::vector<float>& input,
                            int prefill, int decode) {
  std::vector<float> output((prefill + decode) * weight.rows, -1e30f);
  const Product product{&weight, nullptr, output.data(), weight.rows, false};
  linear.multiply({input.data(), weight.columns, prefill, decode}, {&product, 1});
  return output;
}

class LinearOnEveryIsa : public ::testing::TestWithParam<Isa> {
 protected:
  LinearOnEveryIsa() : forced_(GetParam()), pool_(2) {}
  ForcedIsa forced_;
  ThreadPool pool_;
};

INSTANTIATE_TEST_SUITE_P(Isas, LinearOnEveryIsa, ::testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST_P(LinearOnEveryIsa, MultipliesEveryType) {
  Linear linear(pool_, Precision::fast);
  for (const int type : testing::weight_types()) {
    SCOPED_TRACE(weight_type(type).name);
    const TestWeight weight(type, 37, 256, type);
    const std::vector<float> input = random_floats(12 * 256, 100 + type);
    const std::vector<float> output = multiply(linear, weight.view, input, 9, 3);
    // BF16 rounds each factor by at most 2^-9; 8-bit activations by 1/254 of the largest of their block.
    EXPECT_LT(relative_error(weight, input, 9, output.data()), 4e-3);
    EXPECT_LT(relative_error(weight, {input.begin() + 9 * 256, input.end()}, 3, output.data() + 9 * 37),
              1.2e-2);
  }
}

TEST_P(LinearOnEveryIsa, TakesAnyShape) {
  Linear linear(pool_, Precision::fast);
  for (const int64_t rows : {1, 3, 16, 17, 63, 64, 65, 130}) {
    for (const char* type : {"f32", "q4_1", "q8_0"}) {
      for (const int64_t columns : {32, 96, 576, 2080}) {
        SCOPED_TRACE(std::string(type) + " " + std::to_string(rows) + "x" + std::to_string(columns));
        const TestWeight weight(testing::type_named(type), rows, columns, 5);
        const std::vector<float> input = random_floats(9 * columns, 6);
        const std::vector<float> output = multiply(linear, weight.view, input, 7, 2);
        EXPECT_LT(relative_error(weight, input, 7, output.data()), 6e-3);
        EXPECT_LT(
            relative_error(weight, {input.begin() + 7 * columns, input.end()}, 2, output.data() + 7 * rows),
            2.5e-2);
      }
    }
  }
}

TEST_P(LinearOnEveryIsa, TakesOddColumnsOfUnquantisedTypes) {
  Linear linear(pool_, Precision::fast);
  for (const char* type : {"f32", "f16", "bf16"}) {
    for (const int64_t columns : {1, 7, 77, 257, 2049}) {
      SCOPED_TRACE(std::string(type) + " " + std::to_string(columns));
      const TestWeight weight(testing::type_named(type), 19, columns, 8);
      const std::vector<float> input = random_floats(8 * columns, 9);
      const std::vector<float> output = multiply(linear, weight.view, input, 5, 3);
      EXPECT_LT(relative_error(weight, input, 8, output.data()), 8e-3);
    }
  }
}

TEST_P(LinearOnEveryIsa, ExactIsExact) {
  Linear linear(pool_, Precision::exact);
  for (const char* type :
       {"f32", "f16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_K", "q5_K", "q6_K", "iq4_nl"}) {
    for (const int64_t columns : {256, 1536}) {
      SCOPED_TRACE(std::string(type) + " " + std::to_string(columns));
      const TestWeight weight(testing::type_named(type), 35, columns, 3);
      const std::vector<float> input = random_floats(10 * columns, 4);
      const std::vector<float> output = multiply(linear, weight.view, input, 6, 4);
      EXPECT_LT(relative_error(weight, input, 10, output.data()), 1e-5);
    }
  }
}

// A token gives the same bits whatever is beside it, in either phase.
TEST_P(LinearOnEveryIsa, BatchDoesNotChangeATokensBits) {
  for (const Precision precision : {Precision::fast, Precision::exact}) {
    Linear linear(pool_, precision);
    for (const std::string type :
         {"f32", "f16", "q4_0", "q4_1", "q5_0", "q5_1", "q8_0", "q4_K", "q5_K", "q6_K", "q3_K"}) {
      const int64_t rows = 37,
                    columns = type == "q4_1" ? 2304 : 512;  // 2304: more than a panel takes at once
      const TestWeight weight(testing::type_named(type), rows, columns, 3);
      const std::vector<float> token = random_floats(columns, 11);
      const std::vector<float> alone_prefill = multiply(linear, weight.view, token, 1, 0);
      const std::vector<float> alone_decode = multiply(linear, weight.view, token, 0, 1);
      for (const int tokens : {2, 3, 5, 6, 7, 8, 17, 64, 100}) {
        SCOPED_TRACE(type + " " + std::to_string(tokens));
        std::vector<float> input = random_floats(tokens * columns, 12);
        for (const int place : {0, tokens / 2, tokens - 1}) {
          std::copy(token.begin(), token.end(), input.begin() + place * columns);
        }
        const std::vector<float> prefill = multiply(linear, weight.view, input, tokens, 0);
        const std::vector<float> decode = multiply(linear, weight.view, input, 0, tokens);
        const std::vector<float> mixed =
            multiply(linear, weight.view, input, tokens / 2, tokens - tokens / 2);
        for (const int place : {0, tokens / 2, tokens - 1}) {
          for (int64_t r = 0; r < rows; ++r) {
            ASSERT_EQ(prefill[place * rows + r], alone_prefill[r]);
            ASSERT_EQ(decode[place * rows + r], alone_decode[r]);
            ASSERT_EQ(mixed[place * rows + r], (place < tokens / 2 ? alone_prefill : alone_decode)[r]);
          }
        }
      }
    }
  }
}

TEST_P(LinearOnEveryIsa, AddsBiasAndResidualOfSeveralProducts) {
  Linear linear(pool_, Precision::exact);
  constexpr int64_t kColumns = 96;
  const TestWeight a(testing::type_named("q8_0"), 70, kColumns, 1),
      b(testing::type_named("f32"), 5, kColumns, 2);
  const std::vector<float> input = random_floats(9 * kColumns, 3), bias = random_floats(70, 4);
  for (const Precision precision : {Precision::fast, Precision::exact}) {
    Linear linear(pool_, precision);
    std::vector<float> plain(9 * 70), biased(9 * 80, 2.0f), residual(9 * 70, 3.0f), other(9 * 5);
    const Product products[] = {{&a.view, nullptr, plain.data(), 70, false},
                                {&a.view, bias.data(), biased.data(), 80, false},
                                {&a.view, bias.data(), residual.data(), 70, true},
                                {&b.view, nullptr, other.data(), 5, false}};
    linear.multiply({input.data(), kColumns, 7, 2}, products);
    EXPECT_EQ(other, multiply(linear, b.view, input, 7, 2));
    for (int t = 0; t < 9; ++t) {
      for (int r = 0; r < 70; ++r) {
        EXPECT_FLOAT_EQ(biased[t * 80 + r], plain[t * 70 + r] + bias[r]);
        EXPECT_NEAR(residual[t * 70 + r], 3.0f + plain[t * 70 + r] + bias[r], 2e-5);
      }
      for (int r = 70; r < 80; ++r) EXPECT_EQ(biased[t * 80 + r], 2.0f) << "written beyond the rows";
    }
  }
}

TEST_P(LinearOnEveryIsa, HoldsForZerosAndOutliers) {
  Linear linear(pool_, Precision::fast);
  const TestWeight weight(testing::type_named("q4_1"), 20, 128, 1);
  std::vector<float> input(4 * 128, 0.0f);
  for (int i = 0; i < 128; ++i) input[128 + i] = 1e-38f;
  // One outlier in each block, as models have them; more would leave the range of the halves that ggml's
  // partner types keep scales and sums in.
  for (int i = 256; i < 512; ++i) input[i] = i % 32 == 7 ? 3e4f : 1.0f;
  const std::vector<float> output = multiply(linear, weight.view, input, 3, 1);
  for (int r = 0; r < 20; ++r) EXPECT_EQ(output[r], 0.0f);
  for (const float value : output) EXPECT_TRUE(std::isfinite(value));
  const std::vector<float> decode = multiply(linear, weight.view, input, 0, 4);
  for (int r = 0; r < 20; ++r) EXPECT_EQ(decode[r], 0.0f);
  for (const float value : decode) EXPECT_TRUE(std::isfinite(value));
}

TEST(Linear, GivesTheSameBitsOnOneThreadAndOnThree) {
  const TestWeight weight(testing::type_named("q4_1"), 200, 576, 1);
  const std::vector<float> input = random_floats(200 * 576, 2);
  ThreadPool one(1), three(3);
  Linear a(one, Precision::fast), b(three, Precision::fast);
  EXPECT_EQ(multiply(a, weight.view, input, 190, 10), multiply(b, weight.view, input, 190, 10));
}

TEST(Linear, RefusesWhatDoesNotFit) {
  ThreadPool pool(1);
  Linear linear(pool, Precision::fast);
  const TestWeight a(testing::type_named("q8_0"), 4, 64, 1), b(testing::type_named("q8_0"), 4, 96, 1);
  std::vector<float> input(96), output(4);
  const Product both[] = {{&a.view, nullptr, output.data(), 4, false},
                          {&b.view, nullptr, output.data(), 4, false}};
  EXPECT_THROW(linear.multiply({input.data(), 96, 1, 0}, both), UsageError);
  EXPECT_THROW(linear.multiply({input.data(), 32, 1, 0}, {both, 1}), UsageError);
  Weight unknown = a.view;
  unknown.type = 4;  // removed from ggml
  const Product product{&unknown, nullptr, output.data(), 4, false};
  EXPECT_THROW(linear.multiply({input.data(), 64, 1, 0}, {&product, 1}), InputError);
}

TEST(Linear, SaysWhatItDoes) {
  ThreadPool pool(1);
  EXPECT_NE(Linear(pool, Precision::fast).describe().find("decode"), std::string::npos);
  EXPECT_NE(Linear(pool, Precision::exact).describe().find("float32"), std::string::npos);
}

}  // namespace
}  // namespace kvcompress
