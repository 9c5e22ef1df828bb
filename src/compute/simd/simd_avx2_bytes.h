// Dot products of bytes for AVX2: a lane of an I32x16 is four bytes, the products of two lanes go into the
// lane's int32 sum. See simd.h for the meaning of each operation.
#pragma once

#include <cstdint>  // int8_t, int32_t

#include "compute/simd/intrinsics_x86.h"
#include "compute/simd/simd_avx2.h"

namespace kvcompress::KVC_ISA {

// Sums of two products are 16 bits wide on the way.
KVC_INLINE __m256i dot_8(__m256i unsigned_bytes, __m256i signed_bytes, __m256i sum) {
  const __m256i pairs = _mm256_maddubs_epi16(unsigned_bytes, signed_bytes);
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
KVC_INLINE I32x16 dot(I32x16 unsigned_bytes, I32x16 signed_bytes, I32x16 sum) {
  return {dot_8(unsigned_bytes.lo, signed_bytes.lo, sum.lo),
          dot_8(unsigned_bytes.hi, signed_bytes.hi, sum.hi)};
}
KVC_INLINE I32x16 broadcast_quad(const int8_t* p) {
  int32_t quad;
  __builtin_memcpy(&quad, p, sizeof(quad));
  return broadcast_i32(quad);
}

KVC_INLINE I32x16 sub_bytes(I32x16 a, I32x16 b) {
  return {_mm256_sub_epi8(a.lo, b.lo), _mm256_sub_epi8(a.hi, b.hi)};
}

KVC_INLINE __m256i halves(__m256i a, __m256i b) { return _mm256_packs_epi32(a, b); }

KVC_INLINE void store_signed_bytes(int8_t* p, I32x16 a, I32x16 b, I32x16 c, I32x16 d) {
  store_i32(p, {_mm256_packs_epi16(halves(a.lo, b.lo), halves(c.lo, d.lo)),
                _mm256_packs_epi16(halves(a.hi, b.hi), halves(c.hi, d.hi))});
}
KVC_INLINE void store_unsigned_bytes(int8_t* p, I32x16 a, I32x16 b, I32x16 c, I32x16 d) {
  store_i32(p, {_mm256_packus_epi16(halves(a.lo, b.lo), halves(c.lo, d.lo)),
                _mm256_packus_epi16(halves(a.hi, b.hi), halves(c.hi, d.hi))});
}

// Numbers of two bytes: the first part of four of them is the 0th and 2nd, the second part the 1st and 3rd,
// which is how codes widened to 16 bits come out of a lane.
static constexpr float kGreatestPartsSigned = 32639.0f;    // times 255, 256 times over, fits int32
static constexpr float kGreatestPartsUnsigned = 32767.0f;  // times 128, 256 times over, too

KVC_INLINE __m256i by_parity(__m256i a, __m256i b) {
  const __m128i order = _mm_setr_epi8(0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15);
  return _mm256_shuffle_epi8(halves(a, b), _mm256_broadcastsi128_si256(order));
}
KVC_INLINE void store_parts_8(int8_t* first, int8_t* second, __m256i a, __m256i b, __m256i c, __m256i d) {
  const __m256 ab = _mm256_castsi256_ps(by_parity(a, b)), cd = _mm256_castsi256_ps(by_parity(c, d));
  _mm256_storeu_ps(reinterpret_cast<float*>(first), _mm256_shuffle_ps(ab, cd, 0x88));
  _mm256_storeu_ps(reinterpret_cast<float*>(second), _mm256_shuffle_ps(ab, cd, 0xdd));
}
KVC_INLINE void store_signed_parts(int8_t* first, int8_t* second, I32x16 a, I32x16 b, I32x16 c, I32x16 d) {
  store_parts_8(first, second, a.lo, b.lo, c.lo, d.lo);
  store_parts_8(first + 32, second + 32, a.hi, b.hi, c.hi, d.hi);
}
KVC_INLINE void store_unsigned_parts(int8_t* first, int8_t* second, I32x16 a, I32x16 b, I32x16 c, I32x16 d) {
  store_signed_parts(first, second, a, b, c, d);
}

KVC_INLINE __m256i dot_pairs(__m256i even, __m256i odd, __m256i first, __m256i second, __m256i sum) {
  const __m256i products = _mm256_add_epi32(_mm256_madd_epi16(even, first), _mm256_madd_epi16(odd, second));
  return _mm256_add_epi32(sum, products);
}
struct PartSums {
  I32x16 sum;
};
KVC_INLINE PartSums no_parts() { return {broadcast_i32(0)}; }
// Codes of a lane as 16-bit numbers, those of its even bytes and of its odd ones.
struct WideCodes {
  I32x16 even, odd;
};
KVC_INLINE WideCodes widen_unsigned(I32x16 codes) {
  const __m256i low = _mm256_set1_epi32(0x00ff00ff);
  return {{_mm256_and_si256(codes.lo, low), _mm256_and_si256(codes.hi, low)},
          {_mm256_srli_epi16(codes.lo, 8), _mm256_srli_epi16(codes.hi, 8)}};
}
KVC_INLINE __m256i even_signed(__m256i codes) { return _mm256_srai_epi16(_mm256_slli_epi16(codes, 8), 8); }
KVC_INLINE WideCodes widen_signed(I32x16 codes) {
  return {{even_signed(codes.lo), even_signed(codes.hi)},
          {_mm256_srai_epi16(codes.lo, 8), _mm256_srai_epi16(codes.hi, 8)}};
}
KVC_INLINE PartSums dot_parts(const WideCodes& codes, I32x16 first, I32x16 second, PartSums sums) {
  return {{dot_pairs(codes.even.lo, codes.odd.lo, first.lo, second.lo, sums.sum.lo),
           dot_pairs(codes.even.hi, codes.odd.hi, first.hi, second.hi, sums.sum.hi)}};
}
KVC_INLINE PartSums dot_parts_signed(const WideCodes& codes, I32x16 first, I32x16 second, PartSums sums) {
  return dot_parts(codes, first, second, sums);
}
KVC_INLINE F32x16 sum_of_parts(const PartSums& sums) { return to_float(sums.sum); }

}  // namespace kvcompress::KVC_ISA
