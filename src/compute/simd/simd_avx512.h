// F32x16 for AVX-512 F/BW/VL/DQ: one register. See simd.h for the meaning of each operation.
#pragma once

#include <cstdint>  // int32_t, uint16_t

#include "compute/simd/exp2_coefficients.h"
#include "compute/simd/intrinsics_x86.h"

namespace kvcompress::KVC_ISA {

using F32x16 = __m512;
using Mask16 = __mmask16;
static constexpr int kVectorRegisters = 32;

KVC_INLINE F32x16 zero() { return _mm512_setzero_ps(); }
KVC_INLINE F32x16 broadcast(float x) { return _mm512_set1_ps(x); }
KVC_INLINE F32x16 load(const float* p) { return _mm512_loadu_ps(p); }
KVC_INLINE void store(float* p, F32x16 x) { _mm512_storeu_ps(p, x); }
KVC_INLINE F32x16 load_f16(const uint16_t* p) {
  return _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
KVC_INLINE void store_f16(uint16_t* p, F32x16 x) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm512_cvtps_ph(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}

KVC_INLINE F32x16 add(F32x16 a, F32x16 b) { return _mm512_add_ps(a, b); }
KVC_INLINE F32x16 sub(F32x16 a, F32x16 b) { return _mm512_sub_ps(a, b); }
KVC_INLINE F32x16 mul(F32x16 a, F32x16 b) { return _mm512_mul_ps(a, b); }
KVC_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) { return _mm512_fmadd_ps(a, b, c); }
KVC_INLINE F32x16 max(F32x16 a, F32x16 b) { return _mm512_max_ps(a, b); }
KVC_INLINE F32x16 min(F32x16 a, F32x16 b) { return _mm512_min_ps(a, b); }
KVC_INLINE F32x16 sqrt(F32x16 a) { return _mm512_sqrt_ps(a); }

KVC_INLINE float reduce_add(F32x16 x) { return _mm512_reduce_add_ps(x); }
KVC_INLINE float reduce_max(F32x16 x) { return _mm512_reduce_max_ps(x); }
KVC_INLINE bool any_greater(F32x16 a, F32x16 b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ) != 0; }

KVC_INLINE Mask16 in_range(const int32_t* p, int32_t first, int32_t last) {
  const __m512i x = _mm512_loadu_si512(p);
  return _mm512_cmpge_epi32_mask(x, _mm512_set1_epi32(first)) &
         _mm512_cmple_epi32_mask(x, _mm512_set1_epi32(last));
}
KVC_INLINE Mask16 greater(F32x16 a, F32x16 b) { return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ); }
KVC_INLINE F32x16 select(Mask16 mask, F32x16 a, F32x16 b) { return _mm512_mask_blend_ps(mask, b, a); }

using I32x16 = __m512i;
KVC_INLINE I32x16 load_i32(const void* p) { return _mm512_loadu_si512(p); }
KVC_INLINE void store_i32(void* p, I32x16 x) { _mm512_storeu_si512(p, x); }
KVC_INLINE I32x16 broadcast_i32(int32_t x) { return _mm512_set1_epi32(x); }
KVC_INLINE I32x16 add(I32x16 a, I32x16 b) { return _mm512_add_epi32(a, b); }
KVC_INLINE I32x16 bit_and(I32x16 a, I32x16 b) { return _mm512_and_si512(a, b); }
KVC_INLINE I32x16 bit_or(I32x16 a, I32x16 b) { return _mm512_or_si512(a, b); }
KVC_INLINE I32x16 shift_left(I32x16 a, int bits) { return _mm512_slli_epi32(a, bits); }
KVC_INLINE I32x16 shift_right(I32x16 a, int bits) { return _mm512_srli_epi32(a, bits); }
KVC_INLINE F32x16 to_float(I32x16 a) { return _mm512_cvtepi32_ps(a); }
KVC_INLINE I32x16 to_i32(F32x16 a) { return _mm512_cvtps_epi32(a); }

// vscalefps multiplies by 2^floor(x); vreduceps gives x - floor(x), and 0 for -inf.
KVC_INLINE F32x16 exp2(F32x16 x) {
  const F32x16 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  F32x16 p = fma(f, broadcast(kExp2[4]), broadcast(kExp2[3]));
  p = fma(p, f, broadcast(kExp2[2]));
  p = fma(p, f, broadcast(kExp2[1]));
  p = fma(p, f, broadcast(kExp2[0]));
  return _mm512_scalef_ps(fma(p, f, broadcast(1.0f)), x);
}

KVC_INLINE F32x16 exp2_coarse(F32x16 x) {
  const F32x16 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  F32x16 p = fma(f, broadcast(kExp2Coarse[2]), broadcast(kExp2Coarse[1]));
  p = fma(p, f, broadcast(kExp2Coarse[0]));
  return _mm512_scalef_ps(fma(p, f, broadcast(1.0f)), x);
}

}  // namespace kvcompress::KVC_ISA
