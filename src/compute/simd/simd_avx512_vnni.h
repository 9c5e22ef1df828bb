// Dot products of bytes for AVX512-VNNI: a lane of an I32x16 is four bytes, the products of two lanes go into
// the lane's int32 sum. See simd.h for the meaning of each operation.
#pragma once

#include <cstdint>  // int8_t, int32_t

#include "compute/simd/intrinsics_x86.h"

namespace kvcompress::KVC_ISA {

KVC_INLINE I32x16 dot(I32x16 unsigned_bytes, I32x16 signed_bytes, I32x16 sum) {
  return _mm512_dpbusd_epi32(sum, unsigned_bytes, signed_bytes);
}
KVC_INLINE I32x16 broadcast_quad(const int8_t* p) {
  int32_t quad;
  __builtin_memcpy(&quad, p, sizeof(quad));
  return _mm512_set1_epi32(quad);
}

KVC_INLINE I32x16 sub_bytes(I32x16 a, I32x16 b) { return _mm512_sub_epi8(a, b); }

// 64 numbers in [-128, 127], or [0, 255], to p[0 .. 64). Numbers 4 * k .. 4 * k + 3 of vector v (0 for a, 3
// for d) stay together, at 16 * k + 4 * v: the order that costs no permutation.
KVC_INLINE void store_signed_bytes(int8_t* p, I32x16 a, I32x16 b, I32x16 c, I32x16 d) {
  _mm512_storeu_si512(p, _mm512_packs_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d)));
}
KVC_INLINE void store_unsigned_bytes(int8_t* p, I32x16 a, I32x16 b, I32x16 c, I32x16 d) {
  _mm512_storeu_si512(p, _mm512_packus_epi16(_mm512_packs_epi32(a, b), _mm512_packs_epi32(c, d)));
}

// The same for numbers in [-32640, 32639], each split into 256 * high + low with both in [-128, 127], or in
// [0, 65535] with both in [0, 255].
KVC_INLINE void store_signed_parts(int8_t* high, int8_t* low, I32x16 a, I32x16 b, I32x16 c, I32x16 d) {
  const __m512i ab = _mm512_packs_epi32(a, b), cd = _mm512_packs_epi32(c, d);
  const __m512i half = _mm512_set1_epi16(128);
  _mm512_storeu_si512(high, _mm512_packs_epi16(_mm512_srai_epi16(_mm512_add_epi16(ab, half), 8),
                                               _mm512_srai_epi16(_mm512_add_epi16(cd, half), 8)));
  _mm512_storeu_si512(low, _mm512_packs_epi16(_mm512_srai_epi16(_mm512_slli_epi16(ab, 8), 8),
                                              _mm512_srai_epi16(_mm512_slli_epi16(cd, 8), 8)));
}
KVC_INLINE void store_unsigned_parts(int8_t* high, int8_t* low, I32x16 a, I32x16 b, I32x16 c, I32x16 d) {
  const __m512i ab = _mm512_packus_epi32(a, b), cd = _mm512_packus_epi32(c, d);
  const __m512i byte = _mm512_set1_epi16(255);
  _mm512_storeu_si512(high, _mm512_packus_epi16(_mm512_srli_epi16(ab, 8), _mm512_srli_epi16(cd, 8)));
  _mm512_storeu_si512(low, _mm512_packus_epi16(_mm512_and_si512(ab, byte), _mm512_and_si512(cd, byte)));
}

static constexpr float kGreatestPartsSigned = 32639.0f;
static constexpr float kGreatestPartsUnsigned = 65535.0f;

// Sums of products with the high and with the low bytes.
struct PartSums {
  I32x16 high, low;
};
KVC_INLINE PartSums no_parts() { return {broadcast_i32(0), broadcast_i32(0)}; }
using WideCodes = I32x16;  // bytes are multiplied as they are
KVC_INLINE WideCodes widen_unsigned(I32x16 codes) { return codes; }
KVC_INLINE WideCodes widen_signed(I32x16 codes) { return codes; }
KVC_INLINE PartSums dot_parts(WideCodes codes, I32x16 high, I32x16 low, PartSums sums) {
  return {dot(codes, high, sums.high), dot(codes, low, sums.low)};
}
KVC_INLINE PartSums dot_parts_signed(WideCodes codes, I32x16 high, I32x16 low, PartSums sums) {
  return {dot(high, codes, sums.high), dot(low, codes, sums.low)};
}
KVC_INLINE F32x16 sum_of_parts(const PartSums& sums) {
  return fma(to_float(sums.high), broadcast(256.0f), to_float(sums.low));
}

}  // namespace kvcompress::KVC_ISA
