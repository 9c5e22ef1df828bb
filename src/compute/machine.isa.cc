// The measuring loops of one instruction set.
#include "compute/machine_kernels.h"
#include "compute/simd/simd.h"

namespace kvcompress::KVC_ISA {
namespace {

constexpr int kLanes = 16;
// Enough chains to hide the latency of a multiply-add on two pipes, few enough for the registers.
constexpr int kChains = kVectorRegisters >= 32 ? 20 : 6;

float sum_of(const F32x16 (&chains)[kChains]) {
  F32x16 sum = zero();
  for (int i = 0; i < kChains; ++i) sum = add(sum, chains[i]);
  return reduce_add(sum);
}

float read(const float* data, size_t count) {
  constexpr int kSums = 4;
  constexpr size_t kAhead = 4096 / sizeof(float);
  F32x16 sums[kSums] = {zero(), zero(), zero(), zero()};
  for (size_t i = 0; i < count; i += kSums * kLanes) {
    for (int s = 0; s < kSums; ++s) {
      prefetch(data + i + s * kLanes + kAhead);
      sums[s] = add(sums[s], load(data + i + s * kLanes));
    }
  }
  return reduce_add(add(add(sums[0], sums[1]), add(sums[2], sums[3])));
}

float multiply_f32(int64_t steps) {
  F32x16 chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = zero();
  float seed[kLanes] = {1.0f, 0.5f};
  const F32x16 a = load(seed), b = load(seed);
  for (int64_t s = 0; s < steps; ++s) {
    for (int i = 0; i < kChains; ++i) chains[i] = fma(a, b, chains[i]);
  }
  return sum_of(chains);
}

#if KVC_HAS_BF16_DOT
float multiply_bf16(int64_t steps) {
  F32x16 chains[kChains];
  for (int i = 0; i < kChains; ++i) chains[i] = zero();
  alignas(64) uint16_t seed[2 * kLanes] = {0x3F80, 0x3F00};
  const Bf16Pairs a = load_pairs(seed), b = load_pairs(seed);
  for (int64_t s = 0; s < steps; ++s) {
    for (int i = 0; i < kChains; ++i) chains[i] = dot(a, b, chains[i]);
  }
  return sum_of(chains);
}
#endif

}  // namespace

extern const MachineKernels kMachineKernels;
#if KVC_HAS_BF16_DOT
const MachineKernels kMachineKernels{read, multiply_bf16, multiply_f32, 4 * kLanes* kChains,
                                     2 * kLanes* kChains};
#else
const MachineKernels kMachineKernels{read, multiply_f32, multiply_f32, 2 * kLanes* kChains,
                                     2 * kLanes* kChains};
#endif

}  // namespace kvcompress::KVC_ISA
