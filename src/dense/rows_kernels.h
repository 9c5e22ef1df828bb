// Products of few tokens (decode) with quantised weight rows as they lie in the file. Activations are turned
// into 8-bit codes with a scale per 32; a block of weights is decoded once and multiplied with all tokens of
// the call.
#pragma once

#include <cstddef>  // std::byte, size_t
#include <cstdint>  // int64_t
#include <limits>   // std::numeric_limits

#include "compute/isa.h"          // Isa
#include "dense/block_formats.h"  // WeightFormat

namespace kvcompress {

// 128 activations of a token: 4 blocks of 32, value = scale * code. The halves of the blocks lie apart, as
// the low and high nibbles of weights do.
struct alignas(64) ActivationUnit {
  static constexpr int kBlocks = 4;
  int8_t codes[2][kBlocks][16];  // [elements 0..15 | 16..31][block]
  float scale[kBlocks];
  float sum[kBlocks];       // of a block's 32 codes
  float sum_high[kBlocks];  // of its elements 16..31
  float unused[kBlocks];
};

// A block whose largest magnitude is below this counts as zeros: 127 / it must stay finite.
inline constexpr float kSmallestActivation = 1e-30f;

// The scale of a block with an activation that is not finite, beside codes of 0: every product with the token
// is NaN, as it is in float32.
inline constexpr float kScaleOfNonFinite = std::numeric_limits<float>::quiet_NaN();

inline int64_t activation_units(int64_t columns) { return (columns + 127) / 128; }

// The arithmetic of a token does not depend on `tokens`.
struct RowsCall {
  const std::byte* weights;  // [rows][row_bytes]
  size_t row_bytes;
  int64_t rows;
  int64_t columns;              // a multiple of the format's block
  const ActivationUnit* units;  // [tokens][activation_units(columns)]
  int tokens;
  const float* bias;  // [rows] or nullptr
  float* output;      // [tokens][output_stride]
  int64_t output_stride;
  bool accumulate;
};

using MultiplyRows = void (*)(const RowsCall& call);
using QuantizeActivations = void (*)(const float* x, int64_t columns, ActivationUnit* units);

// nullptr where `isa` has no kernel for the format (then ggml's dot products serve).
MultiplyRows multiply_rows_kernel(Isa isa, WeightFormat format);
QuantizeActivations quantize_activations_kernel(Isa isa);

// The twin; that of the products is multiply_rows_kernel(Isa::scalar, ...).
void quantize_activations_scalar(const float* x, int64_t columns, ActivationUnit* units);

namespace avx512_bf16 {
extern const MultiplyRows kMultiplyRows[kWeightFormats];
void quantize_activations(const float* x, int64_t columns, ActivationUnit* units);
}  // namespace avx512_bf16

}  // namespace kvcompress
