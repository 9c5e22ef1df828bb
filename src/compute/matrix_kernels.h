// The inner loops of matrix.h for one instruction set.
#pragma once

#include <cstdint>  // int64_t

#include "compute/isa.h"  // Isa

namespace kvcompress {

inline constexpr int kPanelColumns = 16;

struct MatrixKernels {
  // c[i][0..16) = sum over t of a[i][t] * panel[t][0..16), for `rows` rows of a.
  void (*multiply_panel)(const float* a, int64_t a_stride, int64_t rows, const float* panel, int64_t depth,
                         float* c, int64_t c_stride);
  // x[i] = exp(x[i] - maximum); returns the sum.
  float (*exponentials)(float* x, int64_t count, float maximum);
  float (*maximum)(const float* x, int64_t count);                           // -inf for none
  void (*add_scaled)(const float* x, float scale, int64_t count, float* y);  // y += scale * x
  void (*raise)(const float* x, float scale, int64_t count, float* y);       // y = max(y, scale * x)
};

// Those of `isa`, or the scalar ones when it has none of its own.
const MatrixKernels& matrix_kernels(Isa isa);

}  // namespace kvcompress
