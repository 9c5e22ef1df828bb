// Weight rows expanded to float32.
#pragma once

#include <cstddef>  // std::byte
#include <cstdint>  // int64_t

#include "compute/isa_kernels.h"  // Isa, KVC_DECLARE_KERNELS
#include "dense/block_formats.h"  // kWeightFormats

namespace kvcompress {

// Columns [first, first + count) of a row; both are multiples of the format's block.
using ExpandRow = void (*)(const std::byte* row, int64_t first, int64_t count, float* out);

// By WeightFormat. The scalar machine has none: it takes ggml's to_float, the definition of every format.
using ExpandTable = ExpandRow[kWeightFormats];

KVC_DECLARE_KERNELS(ExpandTable, kExpand)

// nullptr where `isa` has no function for the format.
ExpandRow expand_row_kernel(Isa isa, WeightFormat format);

}  // namespace kvcompress
