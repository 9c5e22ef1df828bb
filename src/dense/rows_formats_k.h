// Decoding of super-blocks of 256 (see rows_formats.h). Included by *.isa.cc files only.
#pragma once

#include "dense/rows_formats.h"

namespace kvcompress::KVC_ISA {
namespace {

// Sixteen bytes of each of four rows, row j in lane j.
template <int kOffset>
inline __m512i lanes_of(Steps steps) {
  const auto at = [&](int j) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(steps[j] + kOffset));
  };
  const __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(at(0)), at(1), 1);
  const __m256i high = _mm256_inserti128_si256(_mm256_castsi128_si256(at(2)), at(3), 1);
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

// Lane j holds row j's bytes [k][L] (k = 0..3, L = 0..3); on return lane k holds bytes [L][j].
inline __m512i rows_to_blocks(__m512i lanes) {
  const __m512i dwords = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  const __m128i bytes = _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  return _mm512_shuffle_epi8(_mm512_permutexvar_epi32(dwords, lanes), _mm512_broadcast_i32x4(bytes));
}

// The four lanes of rows_to_blocks() as floats.
inline __m512 unsigned_lane(__m512i v, int lane) {
  const __m128i bytes = lane == 0   ? _mm512_castsi512_si128(v)
                        : lane == 1 ? _mm512_extracti32x4_epi32(v, 1)
                        : lane == 2 ? _mm512_extracti32x4_epi32(v, 2)
                                    : _mm512_extracti32x4_epi32(v, 3);
  return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(bytes));
}
inline __m512 signed_lane(__m512i v, int lane) {
  const __m128i bytes = lane == 0   ? _mm512_castsi512_si128(v)
                        : lane == 1 ? _mm512_extracti32x4_epi32(v, 1)
                        : lane == 2 ? _mm512_extracti32x4_epi32(v, 2)
                                    : _mm512_extracti32x4_epi32(v, 3);
  return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

// A shift count per lane.
inline __m512i per_lane(int64_t a, int64_t b, int64_t c, int64_t d) {
  return _mm512_setr_epi64(a, a, b, b, c, c, d, d);
}

inline __m512i broadcast16(const uint8_t* p) {
  return _mm512_broadcast_i32x4(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}

// Q4_K and Q5_K: [scale, minimum (halves), 12 bytes of 6-bit scales] [high bits] [nibbles].
template <bool kFiveBits>
struct SuperBlocks {
  static constexpr int kUnits = 2;
  static constexpr int kStepBytes = kFiveBits ? sizeof(BlockQ5_K) : sizeof(BlockQ4_K);
  static constexpr Kind kind = Kind::minimum;
  static constexpr float kOffset = 0.0f;
  static constexpr int kHighBits = 16, kNibbles = kFiveBits ? 48 : 16;  // byte offsets

  struct Header {
    __m512i packed;  // lanes: scales of blocks 0..3, their minima, scales of 4..7, minima; bytes [L][j]
    __m512 scale, minimum;  // element 4 L + j: of row j
  };

  static Header header(Steps steps, int) {
    const __m512i lanes = lanes_of<0>(steps);
    // Words w0, w1, w2 of the packed scales: scale 0..3 and minimum 0..3 are the low 6 bits of w0, w1; the
    // others take 4 bits from w2 and the upper 2 from w0, w1.
    const __m512i six = _mm512_shuffle_epi32(lanes, _MM_PERM_ENUM(0b10011001));   // w0 w1 w0 w1
    const __m512i four = _mm512_shuffle_epi32(lanes, _MM_PERM_ENUM(0b11111111));  // w2 w2 w2 w2
    const __m512i four_bits = _mm512_and_si512(
        _mm512_srlv_epi32(four, _mm512_broadcast_i32x4(_mm_setr_epi32(0, 0, 0, 4))), nibble_mask());
    const __m512i two_bits = _mm512_and_si512(_mm512_srli_epi32(six, 2), _mm512_set1_epi8(0x30));
    const __m512i all =
        _mm512_mask_or_epi32(_mm512_and_si512(six, _mm512_set1_epi8(0x3f)), 0xcccc, four_bits, two_bits);
    // Halves d, dmin of the rows: to floats [d0..d3 | dmin0..dmin3].
    const __m512i first_dwords =
        _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 4, 8, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), lanes);
    const __m128i halves =
        _mm_shuffle_epi8(_mm512_castsi512_si128(first_dwords),
                         _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    const __m256 floats = _mm256_cvtph_ps(halves);
    const __m512 minimum = _mm512_broadcast_f32x4(_mm256_extractf128_ps(floats, 1));
    return {rows_to_blocks(all), _mm512_broadcast_f32x4(_mm256_castps256_ps128(floats)),
            _mm512_sub_ps(_mm512_setzero_ps(), minimum)};
  }

  static Scales scales(const Header& header, int unit) {
    return {_mm512_mul_ps(header.scale, unsigned_lane(header.packed, 2 * unit)),
            _mm512_mul_ps(header.minimum, unsigned_lane(header.packed, 2 * unit + 1))};
  }

  static Codes codes(const uint8_t* step, int unit, int) {
    const __m512i nibbles = _mm512_loadu_si512(step + kNibbles + 64 * unit);
    const __m512i shift = per_lane(0, 4, 0, 4);
    // Byte chunks 0, 1 hold blocks 0 (low nibbles) and 1 (high); chunks 2, 3 blocks 2 and 3.
    Codes codes{_mm512_and_si512(_mm512_srlv_epi64(_mm512_shuffle_i64x2(nibbles, nibbles, 0xa0), shift),
                                 nibble_mask()),
                _mm512_and_si512(_mm512_srlv_epi64(_mm512_shuffle_i64x2(nibbles, nibbles, 0xf5), shift),
                                 nibble_mask())};
    if constexpr (kFiveBits) {
      // Block b's bit is bit b of a byte; rotated to bit 4 within its own byte.
      const __m512i turn = unit == 0 ? per_lane(4, 3, 2, 1) : per_lane(0, 63, 62, 61);
      const __m512i bit = _mm512_set1_epi8(16);
      codes.low = _mm512_or_si512(
          codes.low, _mm512_and_si512(_mm512_rolv_epi64(broadcast16(step + kHighBits), turn), bit));
      codes.high = _mm512_or_si512(
          codes.high, _mm512_and_si512(_mm512_rolv_epi64(broadcast16(step + kHighBits + 16), turn), bit));
    }
    return codes;
  }
};

using FormatQ4_K = SuperBlocks<false>;
using FormatQ5_K = SuperBlocks<true>;

struct FormatQ6_K {
  static constexpr int kUnits = 2;
  static constexpr int kStepBytes = sizeof(BlockQ6_K);
  static constexpr Kind kind = Kind::halves;
  static constexpr float kOffset = 32.0f;
  static constexpr int kHighBits = 128, kScales = 192, kScale = 208;  // byte offsets

  struct Header {
    __m512i scales;  // lanes: unit 0 elements 0..15, 16..31, unit 1 likewise; bytes [L][j]
    __m512 scale;    // element 4 L + j: of row j
  };

  static Header header(Steps steps, int) {
    const __m128i even_odd = _mm_setr_epi8(0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15);
    const __m512i lanes = _mm512_shuffle_epi8(lanes_of<kScales>(steps), _mm512_broadcast_i32x4(even_odd));
    alignas(16) uint16_t halves[8] = {};
    for (int j = 0; j < 4; ++j) __builtin_memcpy(&halves[j], steps[j] + kScale, sizeof(uint16_t));
    const __m128 scale = _mm_cvtph_ps(_mm_load_si128(reinterpret_cast<const __m128i*>(halves)));
    return {rows_to_blocks(lanes), _mm512_broadcast_f32x4(scale)};
  }

  static Scales scales(const Header& header, int unit) {
    return {_mm512_mul_ps(header.scale, signed_lane(header.scales, 2 * unit)),
            _mm512_mul_ps(header.scale, signed_lane(header.scales, 2 * unit + 1))};
  }

  static Codes codes(const uint8_t* step, int unit, int) {
    const __m512i nibbles = _mm512_loadu_si512(step + 64 * unit);
    const uint8_t* high_bits = step + kHighBits + 32 * unit;
    const __m512i shift = per_lane(0, 0, 4, 4), turn = per_lane(4, 2, 0, 62), bits = _mm512_set1_epi8(0x30);
    // Chunks 0, 1 hold blocks 0 (low nibbles) and 2 (high); chunks 2, 3 blocks 1 and 3.
    const __m512i low = _mm512_srlv_epi64(_mm512_shuffle_i64x2(nibbles, nibbles, 0x88), shift);
    const __m512i high = _mm512_srlv_epi64(_mm512_shuffle_i64x2(nibbles, nibbles, 0xdd), shift);
    const __m512i low_bits = _mm512_rolv_epi64(broadcast16(high_bits), turn);
    const __m512i high_bits_turned = _mm512_rolv_epi64(broadcast16(high_bits + 16), turn);
    return {_mm512_or_si512(_mm512_and_si512(low, nibble_mask()), _mm512_and_si512(low_bits, bits)),
            _mm512_or_si512(_mm512_and_si512(high, nibble_mask()), _mm512_and_si512(high_bits_turned, bits))};
  }
};

}  // namespace
}  // namespace kvcompress::KVC_ISA
