// What ggml knows of its weight types: the only door to ggml's arithmetic.
#pragma once

#include <cstddef>  // size_t
#include <cstdint>  // int64_t

#include "dense/block_formats.h"  // WeightFormat

namespace kvcompress {

struct WeightType {
  const char* name;
  WeightFormat format;
  int64_t block;  // elements
  size_t block_bytes;
  void (*to_float)(const void* blocks, float* out, int64_t n);

  // The partner type of a dot product: activations are turned into it, then multiplied row by row.
  int partner;  // ggml_type; equal for types that can share the turned activations
  int64_t partner_block;
  size_t partner_block_bytes;
  void (*from_float)(const float* x, void* blocks, int64_t n);
  void (*dot)(int n, float* result, size_t, const void* weight, size_t, const void* activation, size_t,
              int rows);
};

// Whether weights may have this ggml_type.
bool is_weight_type(int type);

// Throws InputError when it is not a weight type. The reference stays valid for ever.
const WeightType& weight_type(int type);

// The type of a format with kernels of its own (not `other`).
const WeightType& weight_type_of(WeightFormat format);

// For tests and benchmarks: quantises n floats (a multiple of the block) to `type`; returns the bytes
// written.
size_t quantize(int type, const float* x, int64_t rows, int64_t columns, void* out);

}  // namespace kvcompress
