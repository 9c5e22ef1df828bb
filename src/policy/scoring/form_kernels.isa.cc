// Products of many keys with one small matrix: four rows of the matrix (or four channels) against 32 lanes at
// once, so that every load feeds several multiplications.
#include "policy/scoring/form_kernels.h"

#include "compute/simd/simd.h"

namespace kvcompress::KVC_ISA {
namespace {

constexpr int kLanes = 16;
static_assert(kTileRows == 2 * kLanes && kGramStride == 2 * kLanes && kFormStep == 4);

struct Sums {
  F32x16 low[kFormStep], high[kFormStep];
};

KVC_INLINE void clear(Sums& sums) {
  for (int i = 0; i < kFormStep; ++i) sums.low[i] = sums.high[i] = zero();
}

void form(const float* tile, int width, const float* linear, const float* matrix, int height, float* out) {
  F32x16 low = zero(), high = zero();
  for (int j = 0; j < width; ++j) {
    const F32x16 factor = broadcast(linear[j]);
    low = fma(factor, load(tile + j * kTileRows), low);
    high = fma(factor, load(tile + j * kTileRows + kLanes), high);
  }
  for (int r = 0; r < height; r += kFormStep) {
    Sums sums;
    clear(sums);
    const float* rows = matrix + static_cast<int64_t>(r) * width;
    for (int j = r; j < width; ++j) {
      const F32x16 a = load(tile + j * kTileRows), b = load(tile + j * kTileRows + kLanes);
      for (int i = 0; i < kFormStep; ++i) {
        const F32x16 factor = broadcast(rows[i * width + j]);
        sums.low[i] = fma(factor, a, sums.low[i]);
        sums.high[i] = fma(factor, b, sums.high[i]);
      }
    }
    for (int i = 0; i < kFormStep; ++i) {
      low = fma(sums.low[i], sums.low[i], low);
      high = fma(sums.high[i], sums.high[i], high);
    }
  }
  store(out, low);
  store(out + kLanes, high);
}

void gram(const float* rows, int64_t count, int stride, float* out) {
  for (int i = 0; i < stride; i += kFormStep) {
    for (int j = i / kGramStride * kGramStride; j < stride; j += kGramStride) {
      Sums sums;
      clear(sums);
      for (int64_t row = 0; row < count; ++row) {
        const float* x = rows + row * stride;
        const F32x16 a = load(x + j), b = load(x + j + kLanes);
        for (int k = 0; k < kFormStep; ++k) {
          const F32x16 factor = broadcast(x[i + k]);
          sums.low[k] = fma(factor, a, sums.low[k]);
          sums.high[k] = fma(factor, b, sums.high[k]);
        }
      }
      for (int k = 0; k < kFormStep; ++k) {
        float* to = out + static_cast<int64_t>(i + k) * stride + j;
        store(to, sums.low[k]);
        store(to + kLanes, sums.high[k]);
      }
    }
  }
}

}  // namespace

extern const FormKernels kFormKernels;
constinit const FormKernels kFormKernels{form, gram};

}  // namespace kvcompress::KVC_ISA
