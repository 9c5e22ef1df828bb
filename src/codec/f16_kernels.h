// What the f16 form needs of an instruction set; every set gives the same bits.
#pragma once

#include <cstdint>  // uint16_t

#include "compute/isa.h"  // Isa

namespace kvcompress {

struct F16Kernels {
  // 16 rows of `channels` floats, `stride` floats apart, to f16 [padded channels][16 rows]; channels beyond
  // `channels` become 0. Returns whether every result is finite. `out` is 32-byte aligned.
  bool (*store_transposed)(const float* rows, int64_t stride, int channels, uint16_t* out);
  // One row of floats to f16. Returns whether every result is finite.
  bool (*store_row)(const float* row, int channels, uint16_t* out);
  void (*load_row)(const uint16_t* row, int channels, float* out);
};

// Those of `isa`, or the scalar ones when it has none of its own.
const F16Kernels& f16_kernels(Isa isa);

}  // namespace kvcompress
