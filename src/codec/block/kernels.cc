// The plain twin of the vector kernels, and the choice between them.
#include "codec/block/kernels.h"

#include <algorithm>  // std::fill_n

#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS

namespace kvcompress {

KVC_DECLARE_KERNELS(BlockKernels, kBlockKernels)

namespace {

void unpack(const BlockView& view, float* x) {
  const Plane& plane = view.plane->codes;
  for (int depth = 0; depth < plane.depths; ++depth) {
    for (int lane = 0; lane < plane.lanes; ++lane) {
      x[depth * plane.lanes + lane] = number_at(view, lane, depth);
    }
  }
}

void contract(const BlockContraction& c) {
  const Plane& plane = c.x.plane->codes;
  for (int row = 0; row < c.rows && !c.add; ++row) {
    std::fill_n(c.out + row * c.out_stride, plane.lanes, 0.0f);
  }
  for (int depth = 0; depth < plane.depths; ++depth) {
    for (int lane = 0; lane < plane.lanes; ++lane) {
      const float number = number_at(c.x, lane, depth);
      for (int row = 0; row < c.rows; ++row) {
        c.out[row * c.out_stride + lane] += c.left[row * c.left_stride + depth] * number;
      }
    }
  }
}

constexpr BlockKernels kPlain{unpack, contract};

}  // namespace

const BlockKernels& block_kernels(Isa isa) { KVC_RETURN_KERNELS(isa, kBlockKernels, kPlain) }

}  // namespace kvcompress
