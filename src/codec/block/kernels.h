// What the block form needs of an instruction set. Decoding gives the same bits on every one; contractions
// agree to the rounding of float32.
#pragma once

#include <cstddef>  // ptrdiff_t
#include <cstdint>  // int64_t

#include "codec/block/layout.h"  // BlockView
#include "compute/isa.h"         // Isa

namespace kvcompress {

// out[row][lane] = sum over depths of left[row][depth] * x[depth][lane], or added to it.
struct BlockContraction {
  BlockView x;
  const float* left;  // [rows][left_stride]
  int64_t left_stride;
  int rows;    // 1 or more
  float* out;  // [rows][out_stride]
  int64_t out_stride;
  bool add;
  ptrdiff_t ahead;  // from this page to the one that is read next: as much of that is prefetched; or 0
};

struct BlockKernels {
  void (*unpack)(const BlockView& view, float* x);  // x: [depths][lanes]
  void (*contract)(const BlockContraction& contraction);
};

// Those of `isa`, or the scalar ones when it has none of its own.
const BlockKernels& block_kernels(Isa isa);

}  // namespace kvcompress
