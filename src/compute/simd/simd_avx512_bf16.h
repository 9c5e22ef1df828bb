// Dot products of bfloat16 pairs for AVX512-BF16. See simd.h for the meaning of each operation.
#pragma once

#include <cstdint>  // uint16_t

#include "compute/simd/intrinsics_x86.h"

namespace kvcompress::KVC_ISA {

using Bf16Pairs = __m512bh;

KVC_INLINE Bf16Pairs load_pairs(const uint16_t* p) {
  return reinterpret_cast<Bf16Pairs>(_mm512_loadu_si512(p));
}
// The pair at p[0], p[1] in every lane; p need only be aligned to 2 bytes.
KVC_INLINE Bf16Pairs broadcast_pair(const uint16_t* p) {
  int32_t pair;
  __builtin_memcpy(&pair, p, sizeof(pair));
  return reinterpret_cast<Bf16Pairs>(_mm512_set1_epi32(pair));
}
KVC_INLINE F32x16 dot(Bf16Pairs a, Bf16Pairs b, F32x16 sum) { return _mm512_dpbf16_ps(sum, a, b); }

// Lane i: even[i] and odd[i], rounded to bfloat16.
KVC_INLINE Bf16Pairs pack_pairs(F32x16 even, F32x16 odd) {
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                              23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __m512i both = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(odd, even));
  return reinterpret_cast<Bf16Pairs>(_mm512_permutexvar_epi16(interleave, both));
}
KVC_INLINE void store_pairs(uint16_t* p, F32x16 even, F32x16 odd) {
  _mm512_storeu_si512(p, reinterpret_cast<__m512i>(pack_pairs(even, odd)));
}

// p[0..15] = x, rounded to bfloat16.
KVC_INLINE void store_bf16(uint16_t* p, F32x16 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(x)));
}

KVC_INLINE __m512 load_bf16(const uint16_t* p) {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

// p[0..15] = first, p[16..31] = second, rounded to bfloat16.
KVC_INLINE void store_bf16_2(uint16_t* p, F32x16 first, F32x16 second) {
  _mm512_storeu_si512(p, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
}

// bfloat16 straight from f16, at 2^-112 of the value: the 5 exponent bits become the low ones of 8, the
// fraction is rounded, and nothing goes through float32, whose conversions cost more than the products.
// Subnormal halves become subnormal here and count as 0 in dot(). The halves must be finite.
static constexpr int kNarrowedExponent = -112;
KVC_INLINE __m512i narrow_f16(__m512i halves) {
  const __m512i shifted = _mm512_srai_epi16(_mm512_add_epi16(halves, _mm512_set1_epi16(4)), 3);
  return _mm512_and_si512(shifted, _mm512_set1_epi16(static_cast<int16_t>(0x8FFF)));
}
// Lane i: even[i] and odd[i] of even[16], odd[16] side by side at p, narrowed.
KVC_INLINE Bf16Pairs narrow_pairs(const uint16_t* p) {
  const __m512i interleave = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8,
                                              23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  return reinterpret_cast<Bf16Pairs>(_mm512_permutexvar_epi16(interleave, narrow_f16(_mm512_loadu_si512(p))));
}
// The same for even[32] and odd[32]; lanes 0 to 15 in pairs[0], 16 to 31 in pairs[1].
KVC_INLINE void narrow_pairs_2(const uint16_t* even, const uint16_t* odd, Bf16Pairs* pairs) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7,
                                       38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  const __m512i a = narrow_f16(_mm512_loadu_si512(even)), b = narrow_f16(_mm512_loadu_si512(odd));
  pairs[0] = reinterpret_cast<Bf16Pairs>(_mm512_permutex2var_epi16(a, low, b));
  pairs[1] = reinterpret_cast<Bf16Pairs>(_mm512_permutex2var_epi16(a, high, b));
}

}  // namespace kvcompress::KVC_ISA
