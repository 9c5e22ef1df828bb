#include "codec/projected/half_matrix.h"

#include "compute/simd/simd.h"  // F32x16

namespace kvcompress::KVC_ISA {
namespace {

constexpr int kLanes = 16;
constexpr int kMostRows = 4;  // that share a read and a conversion

template <int kRows>
KVC_INLINE void one_tile(const HalfProduct& p, int row, int lane) {
  F32x16 sums[kRows];
  float* out = p.out + row * p.out_stride + lane;
  each<kRows>([&](auto r) KVC_LAMBDA { sums[r] = p.add ? load(out + r * p.out_stride) : zero(); });
  const float* left = p.left + row * p.left_stride;
  const uint16_t* x = p.x + lane;
  for (int depth = 0; depth < p.depths; ++depth, x += p.lanes) {
    if (p.ahead != 0 && lane % 32 == 0) prefetch_far(reinterpret_cast<const char*>(x) + p.ahead);
    const F32x16 numbers = load_f16(x);
    each<kRows>([&](auto r) KVC_LAMBDA {
      sums[r] = fma(broadcast(left[r * p.left_stride + depth]), numbers, sums[r]);
    });
  }
  each<kRows>([&](auto r) KVC_LAMBDA { store(out + r * p.out_stride, sums[r]); });
}

template <int kRows>
void rows_of(const HalfProduct& p, int row) {
  for (int lane = 0; lane < p.lanes; lane += kLanes) one_tile<kRows>(p, row, lane);
}

void product(const HalfProduct& given) {
  HalfProduct p = given;
  int row = 0;
  for (; row + kMostRows <= p.rows; row += kMostRows) {
    rows_of<kMostRows>(p, row);
    p.ahead = 0;  // asked for once
  }
  switch (p.rows - row) {
    case 3:
      return rows_of<3>(p, row);
    case 2:
      return rows_of<2>(p, row);
    case 1:
      return rows_of<1>(p, row);
    default:
      return;
  }
}

}  // namespace

extern const HalfProductKernel kHalfProduct;
constinit const HalfProductKernel kHalfProduct = product;

}  // namespace kvcompress::KVC_ISA
