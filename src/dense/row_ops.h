// The operations on one row (token) of activations between the matrix products. They run on the calling
// thread; a caller with many rows spreads them over the pool. Unless said otherwise `out` may be the input
// itself.
#pragma once

#include <cstdint>  // int64_t

#include "dense/rope.h"  // RopeTable

namespace kvcompress {

// out = x / rms(x) * weight; weight [n] or nullptr for 1.
void rms_norm(const float* x, const float* weight, float epsilon, int64_t n, float* out);

// out = (x - mean) / deviation * weight + bias; weight and bias [n] or nullptr.
void layer_norm(const float* x, const float* weight, const float* bias, float epsilon, int64_t n, float* out);

// SwiGLU: out = silu(gate) * up.
void silu_mul(const float* gate, const float* up, int64_t n, float* out);

// GeGLU: out = gelu(gate) * up, tanh form.
void gelu_mul(const float* gate, const float* up, int64_t n, float* out);

// The tanh approximation of GELU (Gemma, and what GGUF's "gelu" means for GPT-NeoX).
void gelu(const float* x, int64_t n, float* out);

// The exact GELU, x * Phi(x).
void gelu_erf(const float* x, int64_t n, float* out);

// out = a + b.
void add(const float* a, const float* b, int64_t n, float* out);

// out = x * factor.
void scale(const float* x, float factor, int64_t n, float* out);

// out = cap * tanh(x / cap): logits held within (-cap, cap).
void softcap(const float* x, float cap, int64_t n, float* out);

}  // namespace kvcompress
