#include "dense/row_ops.h"

#include <gtest/gtest.h>

#include <cmath>   // std::tanh
#include <limits>  // std::numeric_limits
#include <string>  // std::string
#include <vector>  // std::vector

#include "dense/reference.h"
#include "dense/row_kernels.h"
#include "kvcompress/error.h"  // UsageError

namespace kvcompress {
namespace {

using testing::random_floats;
using Row = std::vector<float>;

constexpr int64_t kLengths[] = {1, 2, 15, 16, 17, 33, 64, 100, 576, 1537};

void expect_close(const Row& got, const Row& want, float tolerance) {
  for (size_t i = 0; i < want.size(); ++i) {
    ASSERT_NEAR(got[i], want[i], tolerance * (1.0f + std::abs(want[i])))
        << "element " << i << " of " << want.size();
  }
}

class RowOpsOnEveryIsa : public ::testing::TestWithParam<Isa> {
 protected:
  const RowKernels& kernels_ = row_kernels(GetParam());
};

INSTANTIATE_TEST_SUITE_P(Isas, RowOpsOnEveryIsa, ::testing::ValuesIn(supported_isas()),
                         [](const auto& info) { return std::string(name(info.param)); });

TEST_P(RowOpsOnEveryIsa, NormsAgreeWithTheTwin) {
  for (const int64_t n : kLengths) {
    Row x = random_floats(n, 1), weight = random_floats(n, 2), bias = random_floats(n, 3), got(n), want(n);
    for (float& value : x) value += 10.0f;  // a mean far from zero
    for (const float* w : {static_cast<const float*>(nullptr), static_cast<const float*>(weight.data())}) {
      kernels_.rms_norm(x.data(), w, 1e-6f, n, got.data());
      kScalarRowKernels.rms_norm(x.data(), w, 1e-6f, n, want.data());
      expect_close(got, want, 1e-6f);
      kernels_.layer_norm(x.data(), w, bias.data(), 1e-2f, n, got.data());
      kScalarRowKernels.layer_norm(x.data(), w, bias.data(), 1e-2f, n, want.data());
      expect_close(got, want, 2e-5f);
    }
  }
}

TEST_P(RowOpsOnEveryIsa, ActivationsAgreeWithTheTwin) {
  for (const int64_t n : kLengths) {
    Row gate = random_floats(n, 1), up = random_floats(n, 2), got(n), want(n);
    for (float& value : gate) value *= 5.0f;
    gate[0] = -200.0f;
    if (n > 3) gate[1] = 200.0f, gate[2] = 0.0f;
    kernels_.silu_mul(gate.data(), up.data(), n, got.data());
    kScalarRowKernels.silu_mul(gate.data(), up.data(), n, want.data());
    expect_close(got, want, 1e-6f);
    kernels_.gelu_mul(gate.data(), up.data(), n, got.data());
    kScalarRowKernels.gelu_mul(gate.data(), up.data(), n, want.data());
    expect_close(got, want, 2e-6f);
    kernels_.gelu(gate.data(), n, got.data());
    kScalarRowKernels.gelu(gate.data(), n, want.data());
    expect_close(got, want, 2e-6f);
    kernels_.softcap(gate.data(), 30.0f, n, got.data());
    kScalarRowKernels.softcap(gate.data(), 30.0f, n, want.data());
    expect_close(got, want, 1e-5f);
    kernels_.add(gate.data(), up.data(), n, got.data());
    kScalarRowKernels.add(gate.data(), up.data(), n, want.data());
    EXPECT_EQ(got, want);
    kernels_.scale(gate.data(), 0.3f, n, got.data());
    kScalarRowKernels.scale(gate.data(), 0.3f, n, want.data());
    EXPECT_EQ(got, want);
  }
}

TEST_P(RowOpsOnEveryIsa, GatesPassNaNOn) {
  constexpr int kBad = 21;
  Row x = random_floats(100, 1), ones(100, 1.0f), out(100);
  x[kBad] = std::numeric_limits<float>::quiet_NaN();
  const auto expect_one_nan = [&](const char* what) {
    for (int i = 0; i < 100; ++i) EXPECT_EQ(std::isnan(out[i]), i == kBad) << what << ' ' << i;
  };
  kernels_.silu_mul(x.data(), ones.data(), 100, out.data());
  expect_one_nan("silu_mul");
  kernels_.gelu_mul(x.data(), ones.data(), 100, out.data());
  expect_one_nan("gelu_mul");
  kernels_.gelu(x.data(), 100, out.data());
  expect_one_nan("gelu");
  kernels_.softcap(x.data(), 30.0f, 100, out.data());
  expect_one_nan("softcap");
}

TEST_P(RowOpsOnEveryIsa, WorksInPlace) {
  const Row x = random_floats(100, 1), y = random_floats(100, 2);
  Row apart(100), in_place = x;
  kernels_.silu_mul(x.data(), y.data(), 100, apart.data());
  kernels_.silu_mul(in_place.data(), y.data(), 100, in_place.data());
  EXPECT_EQ(in_place, apart);
  kernels_.rms_norm(x.data(), y.data(), 1e-6f, 100, apart.data());
  in_place = x;
  kernels_.rms_norm(in_place.data(), y.data(), 1e-6f, 100, in_place.data());
  EXPECT_EQ(in_place, apart);
  kernels_.layer_norm(x.data(), y.data(), y.data(), 1e-6f, 100, apart.data());
  in_place = x;
  kernels_.layer_norm(in_place.data(), y.data(), y.data(), 1e-6f, 100, in_place.data());
  EXPECT_EQ(in_place, apart);
  kernels_.add(x.data(), y.data(), 100, apart.data());
  in_place = x;
  kernels_.add(in_place.data(), y.data(), 100, in_place.data());
  EXPECT_EQ(in_place, apart);
}

TEST_P(RowOpsOnEveryIsa, RotationsAgreeWithTheTwin) {
  for (const int half : {1, 3, 8, 10, 32, 40, 64}) {
    const Row angles = random_floats(half, 1);
    Row cosines, sines;
    for (const float angle : angles) cosines.push_back(std::cos(angle)), sines.push_back(std::sin(angle));
    const Row x = random_floats(2 * half, 2);
    Row got = x, want = x;
    kernels_.rotate_adjacent(cosines.data(), sines.data(), half, got.data());
    kScalarRowKernels.rotate_adjacent(cosines.data(), sines.data(), half, want.data());
    expect_close(got, want, 1e-6f);
    kernels_.rotate_halves(cosines.data(), sines.data(), half, got.data());
    kScalarRowKernels.rotate_halves(cosines.data(), sines.data(), half, want.data());
    expect_close(got, want, 1e-6f);
  }
}

// The twins themselves, against the formulas.
TEST(RowOps, MeanWhatTheySay) {
  const float x[] = {3.0f, 4.0f}, weight[] = {2.0f, 0.5f};
  float out[2];
  rms_norm(x, weight, 0.0f, 2, out);
  EXPECT_NEAR(out[0], 3.0f / std::sqrt(12.5f) * 2.0f, 1e-6);
  EXPECT_NEAR(out[1], 4.0f / std::sqrt(12.5f) * 0.5f, 1e-6);
  const float bias[] = {10.0f, 20.0f};
  layer_norm(x, weight, bias, 0.0f, 2, out);
  EXPECT_NEAR(out[0], 8.0f, 1e-5);
  EXPECT_NEAR(out[1], 20.5f, 1e-5);
  const float one = 1.0f, two = 2.0f;
  silu_mul(&one, &two, 1, out);
  EXPECT_NEAR(out[0], 2.0 / (1.0 + std::exp(-1.0)), 1e-6);
  gelu(&one, 1, out);
  EXPECT_NEAR(out[0], 0.841192, 1e-5);
  gelu_erf(&one, 1, out);
  EXPECT_NEAR(out[0], 0.841345, 1e-5);
  gelu_mul(&one, &two, 1, out);
  EXPECT_NEAR(out[0], 2 * 0.841192, 1e-5);
  softcap(&two, 1.0f, 1, out);
  EXPECT_NEAR(out[0], std::tanh(2.0), 1e-6);
  add(x, weight, 2, out);
  EXPECT_EQ(out[1], 4.5f);
  scale(x, 2.0f, 2, out);
  EXPECT_EQ(out[0], 6.0f);
}

TEST(Rope, TurnsByPositionTimesFrequency) {
  const float factors[] = {1.0f, 4.0f};
  RopeTable rope({.dims = 4, .base = 100.0, .freq_scale = 0.5, .factors = factors});
  const int32_t positions[] = {0, 6};
  rope.prepare(positions);
  Row x = {1, 2, 3, 4, 5, 6};  // one head of 6 channels, the last two do not turn
  const Row before = x;
  rope.rotate(RopePairing::halves, 0, 1, 6, x.data());
  EXPECT_EQ(x, before);
  const double a = 6 * 0.5, b = 6 * 0.5 / 4 / 10;
  rope.rotate(RopePairing::halves, 1, 1, 6, x.data());
  expect_close(x,
               {static_cast<float>(std::cos(a) - 3 * std::sin(a)),
                static_cast<float>(2 * std::cos(b) - 4 * std::sin(b)),
                static_cast<float>(std::sin(a) + 3 * std::cos(a)),
                static_cast<float>(2 * std::sin(b) + 4 * std::cos(b)), 5, 6},
               1e-6f);
  x = before;
  rope.rotate(RopePairing::adjacent, 1, 1, 6, x.data());
  expect_close(
      x,
      {static_cast<float>(std::cos(a) - 2 * std::sin(a)), static_cast<float>(std::sin(a) + 2 * std::cos(a)),
       static_cast<float>(3 * std::cos(b) - 4 * std::sin(b)),
       static_cast<float>(3 * std::sin(b) + 4 * std::cos(b)), 5, 6},
      1e-6f);
}

TEST(Rope, TurnsEveryHeadAlikeAndHoldsFarOut) {
  RopeTable rope({.dims = 64, .base = 1e6});
  const int32_t positions[] = {1'000'003};
  rope.prepare(positions);
  const Row head = random_floats(80, 1);
  Row x;
  for (int h = 0; h < 3; ++h) x.insert(x.end(), head.begin(), head.end());
  rope.rotate(RopePairing::halves, 0, 3, 80, x.data());
  for (int h = 1; h < 3; ++h) {
    for (int c = 0; c < 80; ++c) EXPECT_EQ(x[h * 80 + c], x[c]);
  }
  EXPECT_NEAR(rope.cosines(0)[0], std::cos(1'000'003.0), 1e-6);
  EXPECT_NEAR(rope.sines(0)[1], std::sin(1'000'003.0 * std::pow(1e6, -2.0 / 64)), 1e-6);
}

TEST(Rope, RefusesOddDims) {
  EXPECT_THROW(RopeTable({.dims = 5}), UsageError);
  EXPECT_THROW(RopeTable({.dims = 0}), UsageError);
}

}  // namespace
}  // namespace kvcompress
