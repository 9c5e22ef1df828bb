// The plain twins of row_kernels.isa.cc: what the operations mean, and the oracle of their tests.
#include <cmath>  // std::exp, std::sqrt, std::tanh

#include "dense/row_kernels.h"

namespace kvcompress {
namespace {

void rms_norm(const float* x, const float* weight, float epsilon, int64_t n, float* out) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += double{x[i]} * x[i];
  const float inverse = static_cast<float>(1.0 / std::sqrt(squares / static_cast<double>(n) + epsilon));
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] * inverse * (weight != nullptr ? weight[i] : 1.0f);
}

void layer_norm(const float* x, const float* weight, const float* bias, float epsilon, int64_t n,
                float* out) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; ++i) sum += x[i];
  const double mean = sum / static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const double inverse = 1.0 / std::sqrt(squares / static_cast<double>(n) + epsilon);
  for (int64_t i = 0; i < n; ++i) {
    const float normal = static_cast<float>((x[i] - mean) * inverse);
    out[i] = normal * (weight != nullptr ? weight[i] : 1.0f) + (bias != nullptr ? bias[i] : 0.0f);
  }
}

float gelu_of(float x) {
  constexpr float kRootTwoOverPi = 0.79788456080286535588f;
  return 0.5f * x * (1.0f + std::tanh(kRootTwoOverPi * x * (1.0f + 0.044715f * x * x)));
}

void silu_mul(const float* gate, const float* up, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = gate[i] / (1.0f + std::exp(-gate[i])) * up[i];
}

void gelu_mul(const float* gate, const float* up, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = gelu_of(gate[i]) * up[i];
}

void gelu(const float* x, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = gelu_of(x[i]);
}

void add(const float* a, const float* b, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = a[i] + b[i];
}

void scale(const float* x, float factor, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = x[i] * factor;
}

void softcap(const float* x, float cap, int64_t n, float* out) {
  for (int64_t i = 0; i < n; ++i) out[i] = cap * std::tanh(x[i] / cap);
}

void rotate(const float* cosines, const float* sines, int half, int first_step, int second, float* x) {
  for (int i = 0; i < half; ++i) {
    float& a = x[first_step * i];
    float& b = x[first_step * i + second];
    const float turned = a * cosines[i] - b * sines[i];
    b = a * sines[i] + b * cosines[i];
    a = turned;
  }
}

void rotate_adjacent(const float* cosines, const float* sines, int half, float* x) {
  rotate(cosines, sines, half, 2, 1, x);
}

void rotate_halves(const float* cosines, const float* sines, int half, float* x) {
  rotate(cosines, sines, half, 1, half, x);
}

}  // namespace

const RowKernels kScalarRowKernels = {rms_norm, layer_norm, silu_mul, gelu_mul,        gelu,
                                      add,      scale,      softcap,  rotate_adjacent, rotate_halves};

}  // namespace kvcompress
