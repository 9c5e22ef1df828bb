// The weight formats of GGUF files that have kernels of their own, as they lie in the file (little-endian).
// Halves are IEEE binary16 bits.
#pragma once

#include <cstdint>  // uint8_t

namespace kvcompress {

// `other` is every further ggml type: read and multiplied by ggml's own functions.
enum class WeightFormat { f32, f16, bf16, q4_0, q4_1, q5_0, q5_1, q8_0, q4_k, q5_k, q6_k, other };
inline constexpr int kWeightFormats = static_cast<int>(WeightFormat::other);

// Blocks of 32. Nibble j holds elements j (low) and j + 16 (high); bit j of `high_bits` is bit 4 of element
// j.
struct BlockQ4_0 {
  uint16_t scale;
  uint8_t nibbles[16];  // value = scale * (q - 8)
};
struct BlockQ4_1 {
  uint16_t scale, minimum;
  uint8_t nibbles[16];  // value = scale * q + minimum
};
struct BlockQ5_0 {
  uint16_t scale;
  uint8_t high_bits[4];
  uint8_t nibbles[16];  // value = scale * (q - 16)
};
struct BlockQ5_1 {
  uint16_t scale, minimum;
  uint8_t high_bits[4];
  uint8_t nibbles[16];  // value = scale * q + minimum
};
struct BlockQ8_0 {
  uint16_t scale;
  int8_t codes[32];  // value = scale * q
};

// Super-blocks of 256: 8 blocks of 32 with 6-bit scales and minima, value = scale * sc * q - minimum * m.
// Bytes 32 i .. 32 i + 31 of `nibbles` hold blocks 2 i (low) and 2 i + 1 (high).
struct BlockQ4_K {
  uint16_t scale, minimum;
  uint8_t scales[12];
  uint8_t nibbles[128];
};
struct BlockQ5_K {
  uint16_t scale, minimum;
  uint8_t scales[12];
  uint8_t high_bits[32];  // bit b of byte j is bit 4 of element j of block b
  uint8_t nibbles[128];
};
// 16 blocks of 16 with 8-bit scales, value = scale * sc * (q - 32). Each half of 128 elements: low nibbles of
// 64 bytes, then their high nibbles; bits 2 g, 2 g + 1 of high_bits byte j are bits 4, 5 of element 32 g + j.
struct BlockQ6_K {
  uint8_t nibbles[128];
  uint8_t high_bits[64];
  int8_t scales[16];
  uint16_t scale;
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22);
static_assert(sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210);

}  // namespace kvcompress
