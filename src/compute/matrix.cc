#include "compute/matrix.h"

#include <algorithm>  // std::max, std::min
#include <cmath>      // std::exp, std::log
#include <limits>     // std::numeric_limits
#include <vector>     // std::vector

#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS
#include "compute/matrix_kernels.h"

namespace kvcompress {

KVC_DECLARE_KERNELS(MatrixKernels, kMatrixKernels)

namespace {

void multiply_panel_plain(const float* a, int64_t a_stride, int64_t rows, const float* panel, int64_t depth,
                          float* c, int64_t c_stride) {
  for (int64_t i = 0; i < rows; ++i) {
    float sums[kPanelColumns] = {};
    for (int64_t t = 0; t < depth; ++t) {
      for (int j = 0; j < kPanelColumns; ++j) sums[j] += a[i * a_stride + t] * panel[t * kPanelColumns + j];
    }
    std::copy_n(sums, kPanelColumns, c + i * c_stride);
  }
}

float exponentials_plain(float* x, int64_t count, float maximum) {
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) sum += x[i] = std::exp(x[i] - maximum);
  return static_cast<float>(sum);
}

float maximum_plain(const float* x, int64_t count) {
  float greatest = -std::numeric_limits<float>::infinity();
  for (int64_t i = 0; i < count; ++i) greatest = std::max(greatest, x[i]);
  return greatest;
}

void add_scaled_plain(const float* x, float scale, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] += scale * x[i];
}

void raise_plain(const float* x, float scale, int64_t count, float* y) {
  for (int64_t i = 0; i < count; ++i) y[i] = std::max(y[i], scale * x[i]);
}

constexpr MatrixKernels kScalar{multiply_panel_plain, exponentials_plain, maximum_plain, add_scaled_plain,
                                raise_plain};

}  // namespace

const MatrixKernels& matrix_kernels(Isa isa) { KVC_RETURN_KERNELS(isa, kMatrixKernels, kScalar) }

void multiply_transposed(const Matrix& a, const Matrix& b, float* c, int64_t c_stride, Isa isa) {
  const MatrixKernels& kernels = matrix_kernels(isa);
  static thread_local std::vector<float> panel, edge;
  panel.assign(static_cast<size_t>(b.columns) * kPanelColumns, 0.0f);
  for (int64_t column = 0; column < b.rows; column += kPanelColumns) {
    const int64_t width = std::min<int64_t>(kPanelColumns, b.rows - column);
    for (int64_t j = 0; j < width; ++j) {
      const float* row = b.data + (column + j) * b.stride;
      for (int64_t t = 0; t < b.columns; ++t) panel[t * kPanelColumns + j] = row[t];
    }
    if (width == kPanelColumns) {
      kernels.multiply_panel(a.data, a.stride, a.rows, panel.data(), a.columns, c + column, c_stride);
      continue;
    }
    edge.resize(static_cast<size_t>(a.rows) * kPanelColumns);
    kernels.multiply_panel(a.data, a.stride, a.rows, panel.data(), a.columns, edge.data(), kPanelColumns);
    for (int64_t i = 0; i < a.rows; ++i) {
      std::copy_n(edge.data() + i * kPanelColumns, width, c + i * c_stride + column);
    }
  }
}

float softmax(float* row, int64_t count, Isa isa) {
  const MatrixKernels& kernels = matrix_kernels(isa);
  const float greatest = kernels.maximum(row, count);
  if (greatest == -std::numeric_limits<float>::infinity()) return greatest;
  const float sum = kernels.exponentials(row, count, greatest);
  for (int64_t i = 0; i < count; ++i) row[i] /= sum;
  return greatest + std::log(sum);
}

void exponentiate(float* row, int64_t count, float log_sum, Isa isa) {
  matrix_kernels(isa).exponentials(row, count, log_sum);
}

void add_scaled(const float* x, float scale, int64_t count, float* y, Isa isa) {
  matrix_kernels(isa).add_scaled(x, scale, count, y);
}

void raise_to(const float* x, float scale, int64_t count, float* y, Isa isa) {
  matrix_kernels(isa).raise(x, scale, count, y);
}

}  // namespace kvcompress
