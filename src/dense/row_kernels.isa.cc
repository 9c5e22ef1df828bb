// Row operations, written as loops without branches or calls that the compiler vectorises for each
// instruction set. `out` may be the input itself: same elements, so no dependence between iterations (ivdep).
// Sums run in kLanes partial sums, so that they may be vectorised without giving up a fixed order.
#include "dense/row_kernels.h"

namespace kvcompress::KVC_ISA {
namespace {

constexpr int kLanes = 32;

// e^x to 2 units in the last place on [-87, 88]; outside it keeps the value at the edge.
inline float exponential(float x) {
  x = x < -87.0f ? -87.0f : x;
  x = x > 88.0f ? 88.0f : x;
  constexpr float kRound = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
  const float rounded = x * 1.44269504088896341f + kRound;
  const float n = rounded - kRound;
  float r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  // The low bits of `rounded` are n. Of NaN they are any, which a conversion to an integer would not allow.
  return p * __builtin_bit_cast(float, (__builtin_bit_cast(uint32_t, rounded) + 127U) << 23);
}

inline float hyperbolic_tangent(float x) { return 1.0f - 2.0f / (exponential(2.0f * x) + 1.0f); }

inline float gelu_of(float x) {
  constexpr float kRootTwoOverPi = 0.79788456080286535588f;
  return 0.5f * x * (1.0f + hyperbolic_tangent(kRootTwoOverPi * x * (1.0f + 0.044715f * x * x)));
}

float sum_lanes(const float* lanes) {
  float sum = 0;
  for (int l = 0; l < kLanes; ++l) sum += lanes[l];
  return sum;
}

float sum_of_squares(const float* x, float mean, int64_t n) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) lanes[l] += (x[i + l] - mean) * (x[i + l] - mean);
  }
  for (int l = 0; i + l < n; ++l) lanes[l] += (x[i + l] - mean) * (x[i + l] - mean);
  return sum_lanes(lanes);
}

float sum(const float* x, int64_t n) {
  float lanes[kLanes] = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (int l = 0; l < kLanes; ++l) lanes[l] += x[i + l];
  }
  for (int l = 0; i + l < n; ++l) lanes[l] += x[i + l];
  return sum_lanes(lanes);
}

void rms_norm(const float* x, const float* weight, float epsilon, int64_t n, float* out) {
  const float inverse = 1.0f / __builtin_sqrtf(sum_of_squares(x, 0.0f, n) / static_cast<float>(n) + epsilon);
  if (weight == nullptr) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = x[i] * inverse;
  } else {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] = x[i] * inverse * weight[i];
  }
}

void layer_norm(const float* x, const float* weight, const float* bias, float epsilon, int64_t n,
                float* out) {
  const float mean = sum(x, n) / static_cast<float>(n);
  const float inverse = 1.0f / __builtin_sqrtf(sum_of_squares(x, mean, n) / static_cast<float>(n) + epsilon);
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = (x[i] - mean) * inverse;
  if (weight != nullptr) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] *= weight[i];
  }
  if (bias != nullptr) {
#pragma GCC ivdep
    for (int64_t i = 0; i < n; ++i) out[i] += bias[i];
  }
}

void silu_mul(const float* gate, const float* up, int64_t n, float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0f + exponential(-gate[i])) * up[i];
}

void gelu_mul(const float* gate, const float* up, int64_t n, float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = gelu_of(gate[i]) * up[i];
}

void gelu(const float* x, int64_t n, float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = gelu_of(x[i]);
}

void add(const float* a, const float* b, int64_t n, float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

void scale(const float* x, float factor, int64_t n, float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] * factor;
}

void softcap(const float* x, float cap, int64_t n, float* out) {
#pragma GCC ivdep
  for (int64_t i = 0; i < n; ++i) out[i] = cap * hyperbolic_tangent(x[i] / cap);
}

void rotate_adjacent(const float* __restrict cosines, const float* __restrict sines, int half,
                     float* __restrict x) {
  for (int i = 0; i < half; ++i) {
    const float a = x[2 * i], b = x[2 * i + 1];
    x[2 * i] = a * cosines[i] - b * sines[i];
    x[2 * i + 1] = a * sines[i] + b * cosines[i];
  }
}

void rotate_halves(const float* __restrict cosines, const float* __restrict sines, int half,
                   float* __restrict x) {
  float* __restrict y = x + half;
  for (int i = 0; i < half; ++i) {
    const float a = x[i], b = y[i];
    x[i] = a * cosines[i] - b * sines[i];
    y[i] = a * sines[i] + b * cosines[i];
  }
}

}  // namespace

const RowKernels kRowKernels = {rms_norm, layer_norm, silu_mul, gelu_mul,        gelu,
                                add,      scale,      softcap,  rotate_adjacent, rotate_halves};

}  // namespace kvcompress::KVC_ISA
