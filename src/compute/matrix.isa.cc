#include "compute/matrix_kernels.h"
#include "compute/simd/simd.h"

namespace kvcompress::KVC_ISA {
namespace {

constexpr int kLanes = 16;
constexpr int kRows = 8;  // of a that share one load of the panel

template <int kCount>
KVC_INLINE void multiply_rows(const float* a, int64_t a_stride, const float* panel, int64_t depth, float* c,
                              int64_t c_stride) {
  F32x16 sums[kCount];
  for (int r = 0; r < kCount; ++r) sums[r] = zero();
  for (int64_t t = 0; t < depth; ++t) {
    const F32x16 b = load(panel + t * kPanelColumns);
    for (int r = 0; r < kCount; ++r) sums[r] = fma(broadcast(a[r * a_stride + t]), b, sums[r]);
  }
  for (int r = 0; r < kCount; ++r) store(c + r * c_stride, sums[r]);
}

void multiply_panel(const float* a, int64_t a_stride, int64_t rows, const float* panel, int64_t depth,
                    float* c, int64_t c_stride) {
  int64_t row = 0;
  for (; row + kRows <= rows; row += kRows) {
    multiply_rows<kRows>(a + row * a_stride, a_stride, panel, depth, c + row * c_stride, c_stride);
  }
  for (; row < rows; ++row) {
    multiply_rows<1>(a + row * a_stride, a_stride, panel, depth, c + row * c_stride, c_stride);
  }
}

// f(x, y) on vectors of x and y, written to y; the last few through a buffer, where `rest` fills what is
// missing.
template <typename Function>
KVC_INLINE void for_lanes(const float* x, float* y, int64_t count, float rest, Function f) {
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) store(y + i, f(load(x + i), load(y + i)));
  if (i == count) return;
  float from[kLanes], to[kLanes];
  for (int l = 0; l < kLanes; ++l) {
    from[l] = i + l < count ? x[i + l] : rest;
    to[l] = i + l < count ? y[i + l] : rest;
  }
  store(to, f(load(from), load(to)));
  for (int l = 0; i + l < count; ++l) y[i + l] = to[l];
}

float exponentials(float* x, int64_t count, float maximum) {
  const F32x16 greatest = broadcast(maximum);
  F32x16 sum = zero();
  for_lanes(x, x, count, -__builtin_inff(), [&](F32x16 value, F32x16) {
    const F32x16 e = exp(sub(value, greatest));
    sum = add(sum, e);
    return e;
  });
  return reduce_add(sum);
}

float maximum_of(const float* x, int64_t count) {
  F32x16 greatest = broadcast(-__builtin_inff());
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) greatest = max(greatest, load(x + i));
  float result = reduce_max(greatest);
  for (; i < count; ++i) result = x[i] > result ? x[i] : result;
  return result;
}

void add_scaled(const float* x, float scale, int64_t count, float* y) {
  const F32x16 factor = broadcast(scale);
  for_lanes(x, y, count, 0, [&](F32x16 value, F32x16 old) { return fma(value, factor, old); });
}

void raise(const float* x, float scale, int64_t count, float* y) {
  const F32x16 factor = broadcast(scale);
  for_lanes(x, y, count, 0, [&](F32x16 value, F32x16 old) { return max(mul(value, factor), old); });
}

}  // namespace

extern const MatrixKernels kMatrixKernels;
const MatrixKernels kMatrixKernels{multiply_panel, exponentials, maximum_of, add_scaled, raise};

}  // namespace kvcompress::KVC_ISA
