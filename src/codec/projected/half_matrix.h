// Products with a matrix that lies in memory as f16: latents of a page, and the maps to and from them.
#pragma once

#include <cstddef>  // ptrdiff_t
#include <cstdint>  // uint16_t, int64_t

#include "compute/isa.h"  // Isa

namespace kvcompress {

// out[row][lane] = sum over depths of left[row][depth] * x[depth][lane], or added to it. Sums are float32.
struct HalfProduct {
  const uint16_t* x;  // [depths][lanes] f16; lanes is a multiple of 16
  int depths, lanes;
  const float* left;  // [rows][left_stride]
  int64_t left_stride;
  int rows;    // 1 or more
  float* out;  // [rows][out_stride]
  int64_t out_stride;
  bool add;
  ptrdiff_t ahead;  // bytes from x to the matrix that is read next: as much of that is prefetched; or 0
};

using HalfProductKernel = void (*)(const HalfProduct&);

// That of `isa`, or the scalar one when it has none of its own; they agree to the rounding of float32.
HalfProductKernel half_product(Isa isa);

}  // namespace kvcompress
