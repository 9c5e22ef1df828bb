// The plain twin of the vector kernels, and the choice between them.
#include "policy/scoring/form_kernels.h"

#include <algorithm>  // std::fill

#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS

namespace kvcompress {

KVC_DECLARE_KERNELS(FormKernels, kFormKernels)

namespace {

void add_scaled(float factor, const float* column, float* sums) {
  for (int lane = 0; lane < kTileRows; ++lane) sums[lane] += factor * column[lane];
}

void form(const float* tile, int width, const float* linear, const float* matrix, int height, float* out) {
  std::fill(out, out + kTileRows, 0.0f);
  for (int j = 0; j < width; ++j) add_scaled(linear[j], tile + j * kTileRows, out);
  for (int r = 0; r < height; ++r) {
    float sums[kTileRows] = {};
    for (int j = r; j < width; ++j) add_scaled(matrix[r * width + j], tile + j * kTileRows, sums);
    for (int lane = 0; lane < kTileRows; ++lane) out[lane] += sums[lane] * sums[lane];
  }
}

void gram(const float* rows, int64_t count, int stride, float* out) {
  std::fill(out, out + static_cast<int64_t>(stride) * stride, 0.0f);
  for (int64_t row = 0; row < count; ++row) {
    const float* x = rows + row * stride;
    for (int i = 0; i < stride; ++i) {
      float* sums = out + static_cast<int64_t>(i) * stride;
      const int first = i / kTileRows * kTileRows;
      for (int j = first; j < stride; ++j) sums[j] += x[i] * x[j];
    }
  }
}

constexpr FormKernels kScalar{form, gram};

}  // namespace

const FormKernels& form_kernels(Isa isa) { KVC_RETURN_KERNELS(isa, kFormKernels, kScalar) }

}  // namespace kvcompress
