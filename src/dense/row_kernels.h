// The row operations of one instruction set, and their plain twins.
#pragma once

#include <cstdint>  // int64_t

#include "compute/isa_kernels.h"  // Isa, KVC_DECLARE_KERNELS

namespace kvcompress {

struct RowKernels {
  void (*rms_norm)(const float* x, const float* weight, float epsilon, int64_t n, float* out);
  void (*layer_norm)(const float* x, const float* weight, const float* bias, float epsilon, int64_t n,
                     float* out);
  void (*silu_mul)(const float* gate, const float* up, int64_t n, float* out);
  void (*gelu_mul)(const float* gate, const float* up, int64_t n, float* out);
  void (*gelu)(const float* x, int64_t n, float* out);
  void (*add)(const float* a, const float* b, int64_t n, float* out);
  void (*scale)(const float* x, float factor, int64_t n, float* out);
  void (*softcap)(const float* x, float cap, int64_t n, float* out);
  // One head: pairs (2i, 2i + 1), or (i, i + half); cosines and sines [half].
  void (*rotate_adjacent)(const float* cosines, const float* sines, int half, float* x);
  void (*rotate_halves)(const float* cosines, const float* sines, int half, float* x);
};

extern const RowKernels kScalarRowKernels;
KVC_DECLARE_KERNELS(RowKernels, kRowKernels)

const RowKernels& row_kernels(Isa isa);

}  // namespace kvcompress
