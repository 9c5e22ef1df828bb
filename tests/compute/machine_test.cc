#include "compute/machine.h"

#include <gtest/gtest.h>

#include "compute/isa.h"

namespace kvcompress {
namespace {

TEST(Machine, MeasuresWithinReason) {
  EXPECT_GT(read_bandwidth(1), 1e8);
  EXPECT_LT(read_bandwidth(1), 1e12);
  EXPECT_GT(peak_f32_flops(1), 1e8);
  EXPECT_LT(peak_f32_flops(1), 1e13);
}

TEST(Machine, DotProductsOfBf16AreNotSlower) {
  if (active_isa() != Isa::avx512_bf16) GTEST_SKIP() << "this machine has no BF16 dot products";
  EXPECT_GT(peak_bf16_flops(1), 0.8 * peak_f32_flops(1));
}

TEST(Machine, HasAName) { EXPECT_FALSE(cpu_name().empty()); }

}  // namespace
}  // namespace kvcompress
