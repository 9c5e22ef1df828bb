// The plain twin of the vector kernel, and the choice between them.
#include "codec/projected/half_matrix.h"

#include <algorithm>  // std::fill_n

#include "codec/f16.h"            // f32_from_f16
#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS

namespace kvcompress {

KVC_DECLARE_KERNELS(HalfProductKernel, kHalfProduct)

namespace {

void plain(const HalfProduct& p) {
  for (int row = 0; row < p.rows && !p.add; ++row) std::fill_n(p.out + row * p.out_stride, p.lanes, 0.0f);
  for (int depth = 0; depth < p.depths; ++depth) {
    for (int lane = 0; lane < p.lanes; ++lane) {
      const float number = f32_from_f16(p.x[int64_t{depth} * p.lanes + lane]);
      for (int row = 0; row < p.rows; ++row) {
        p.out[row * p.out_stride + lane] += p.left[row * p.left_stride + depth] * number;
      }
    }
  }
}

}  // namespace

HalfProductKernel half_product(Isa isa) { KVC_RETURN_KERNELS(isa, kHalfProduct, plain) }

}  // namespace kvcompress
