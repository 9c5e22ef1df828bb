#include "dense/row_ops.h"

#include <cmath>  // std::erf

#include "dense/row_kernels.h"

namespace kvcompress {

const RowKernels& row_kernels(Isa isa) { KVC_RETURN_KERNELS(isa, kRowKernels, kScalarRowKernels) }

namespace {
const RowKernels& active() {
  static const RowKernels& kernels = row_kernels(active_isa());
  return kernels;
}
}  // namespace

void rms_norm(const float* x, const float* weight, float epsilon, int64_t n, float* out) {
  active().rms_norm(x, weight, epsilon, n, out);
}

void layer_norm(const float* x, const float* weight, const float* bias, float epsilon, int64_t n,
                float* out) {
  active().layer_norm(x, weight, bias, epsilon, n, out);
}

void silu_mul(const float* gate, const float* up, int64_t n, float* out) {
  active().silu_mul(gate, up, n, out);
}

void gelu_mul(const float* gate, const float* up, int64_t n, float* out) {
  active().gelu_mul(gate, up, n, out);
}

void gelu(const float* x, int64_t n, float* out) { active().gelu(x, n, out); }

void gelu_erf(const float* x, int64_t n, float* out) {
  constexpr float kRootHalf = 0.70710678118654752440f;
  for (int64_t i = 0; i < n; ++i) out[i] = 0.5f * x[i] * (1.0f + std::erf(x[i] * kRootHalf));
}

void add(const float* a, const float* b, int64_t n, float* out) { active().add(a, b, n, out); }

void scale(const float* x, float factor, int64_t n, float* out) { active().scale(x, factor, n, out); }

void softcap(const float* x, float cap, int64_t n, float* out) { active().softcap(x, cap, n, out); }

}  // namespace kvcompress
