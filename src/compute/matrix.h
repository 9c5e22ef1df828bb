// Small dense products and row operations in float32, for statistics and scores beside the model's own math.
// Single-threaded: callers spread heads over the pool.
#pragma once

#include <cstdint>  // int64_t

#include "compute/isa.h"  // active_isa

namespace kvcompress {

// Rows of floats, `stride` floats apart.
struct Matrix {
  const float* data;
  int64_t rows, columns;
  int64_t stride;
};

// c[i][j] = sum over t of a[i][t] * b[j][t]; a and b have the same number of columns, c has a.rows rows of
// b.rows columns, c_stride floats apart.
void multiply_transposed(const Matrix& a, const Matrix& b, float* c, int64_t c_stride,
                         Isa isa = active_isa());

// The row as a softmax in place; returns log(sum of exp(x)). A row of -inf alone stays, and gives -inf.
float softmax(float* row, int64_t count, Isa isa = active_isa());

// The row as exp(x - log_sum) in place: a softmax whose log(sum of exp(x)) is known.
void exponentiate(float* row, int64_t count, float log_sum, Isa isa = active_isa());

void add_scaled(const float* x, float scale, int64_t count, float* y,
                Isa isa = active_isa());  // y += scale x
// y = max(y, scale x)
void raise_to(const float* x, float scale, int64_t count, float* y, Isa isa = active_isa());

}  // namespace kvcompress
