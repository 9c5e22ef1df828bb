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

// p[0..15] = first, p[16..31] = second, rounded to bfloat16.
KVC_INLINE void store_bf16_2(uint16_t* p, F32x16 first, F32x16 second) {
  _mm512_storeu_si512(p, reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(second, first)));
}

}  // namespace kvcompress::KVC_ISA
