// The two products over all cached keys of a head that methods with d x d matrices spend their time in.
// Compiled once for each instruction set, with a plain twin.
#pragma once

#include <cstdint>  // int64_t

#include "compute/isa.h"  // Isa

namespace kvcompress {

inline constexpr int kTileRows = 32;      // rows of a tile, transposed: [width][kTileRows]
inline constexpr int kFormStep = 4;       // a form's height is a multiple of this
inline constexpr int kGramStride = 32;    // rows of a Gram product are a multiple of this many floats
inline constexpr int kGramRowsMax = 256;  // of one call: sums beyond are the caller's, in double

struct FormKernels {
  // out[row] = linear . row + |matrix row|^2 for the rows of one tile. matrix: [height][width], upper
  // trapezoidal with the zeros below its diagonal written out.
  void (*form)(const float* tile, int width, const float* linear, const float* matrix, int height,
               float* out);
  // out[stride][stride] = sum of row row^T; only its upper triangle means anything.
  void (*gram)(const float* rows, int64_t count, int stride, float* out);
};

// Those of `isa`, or the plain ones when it has none of its own.
const FormKernels& form_kernels(Isa isa);

}  // namespace kvcompress
