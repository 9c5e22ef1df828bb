// F32x16 for AVX2 + FMA + F16C: two registers. See simd.h for the meaning of each operation.
#pragma once

#include <cstdint>  // int32_t, uint16_t

#include "compute/simd/exp2_coefficients.h"
#include "compute/simd/intrinsics_x86.h"

namespace kvcompress::KVC_ISA {

struct F32x16 {
  __m256 lo, hi;
};
struct Mask16 {
  __m256 lo, hi;  // all bits set where true
};
static constexpr int kVectorRegisters = 8;

KVC_INLINE F32x16 zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
KVC_INLINE F32x16 broadcast(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
KVC_INLINE F32x16 load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
KVC_INLINE void store(float* p, F32x16 x) {
  _mm256_storeu_ps(p, x.lo);
  _mm256_storeu_ps(p + 8, x.hi);
}
KVC_INLINE F32x16 load_f16(const uint16_t* p) {
  const __m128i* h = reinterpret_cast<const __m128i*>(p);
  return {_mm256_cvtph_ps(_mm_loadu_si128(h)), _mm256_cvtph_ps(_mm_loadu_si128(h + 1))};
}
KVC_INLINE void store_f16(uint16_t* p, F32x16 x) {
  constexpr int rounding = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
  __m128i* h = reinterpret_cast<__m128i*>(p);
  _mm_storeu_si128(h, _mm256_cvtps_ph(x.lo, rounding));
  _mm_storeu_si128(h + 1, _mm256_cvtps_ph(x.hi, rounding));
}

KVC_INLINE F32x16 add(F32x16 a, F32x16 b) { return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)}; }
KVC_INLINE F32x16 sub(F32x16 a, F32x16 b) { return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)}; }
KVC_INLINE F32x16 mul(F32x16 a, F32x16 b) { return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)}; }
KVC_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}
KVC_INLINE F32x16 max(F32x16 a, F32x16 b) { return {_mm256_max_ps(a.lo, b.lo), _mm256_max_ps(a.hi, b.hi)}; }
KVC_INLINE F32x16 min(F32x16 a, F32x16 b) { return {_mm256_min_ps(a.lo, b.lo), _mm256_min_ps(a.hi, b.hi)}; }
KVC_INLINE F32x16 sqrt(F32x16 a) { return {_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi)}; }

KVC_INLINE float reduce_add(F32x16 x) {
  const __m256 s8 = _mm256_add_ps(x.lo, x.hi);
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(s8), _mm256_extractf128_ps(s8, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
KVC_INLINE float reduce_max(F32x16 x) {
  const __m256 m8 = _mm256_max_ps(x.lo, x.hi);
  __m128 m = _mm_max_ps(_mm256_castps256_ps128(m8), _mm256_extractf128_ps(m8, 1));
  m = _mm_max_ps(m, _mm_movehl_ps(m, m));
  return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}
KVC_INLINE bool any_greater(F32x16 a, F32x16 b) {
  const __m256 any =
      _mm256_or_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_GT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_GT_OQ));
  return _mm256_movemask_ps(any) != 0;
}

KVC_INLINE __m256 in_range_8(const int32_t* p, int32_t first, int32_t last) {
  const __m256i x = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  const __m256i outside = _mm256_or_si256(_mm256_cmpgt_epi32(_mm256_set1_epi32(first), x),
                                          _mm256_cmpgt_epi32(x, _mm256_set1_epi32(last)));
  return _mm256_castsi256_ps(_mm256_xor_si256(outside, _mm256_set1_epi32(-1)));
}
KVC_INLINE Mask16 in_range(const int32_t* p, int32_t first, int32_t last) {
  return {in_range_8(p, first, last), in_range_8(p + 8, first, last)};
}
KVC_INLINE Mask16 greater(F32x16 a, F32x16 b) {
  return {_mm256_cmp_ps(a.lo, b.lo, _CMP_GT_OQ), _mm256_cmp_ps(a.hi, b.hi, _CMP_GT_OQ)};
}
KVC_INLINE F32x16 select(Mask16 mask, F32x16 a, F32x16 b) {
  return {_mm256_blendv_ps(b.lo, a.lo, mask.lo), _mm256_blendv_ps(b.hi, a.hi, mask.hi)};
}

struct I32x16 {
  __m256i lo, hi;
};
KVC_INLINE I32x16 load_i32(const void* p) {
  const __m256i* half = static_cast<const __m256i*>(p);
  return {_mm256_loadu_si256(half), _mm256_loadu_si256(half + 1)};
}
KVC_INLINE void store_i32(void* p, I32x16 x) {
  __m256i* half = static_cast<__m256i*>(p);
  _mm256_storeu_si256(half, x.lo);
  _mm256_storeu_si256(half + 1, x.hi);
}
KVC_INLINE I32x16 broadcast_i32(int32_t x) { return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)}; }
KVC_INLINE I32x16 add(I32x16 a, I32x16 b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}
KVC_INLINE I32x16 bit_and(I32x16 a, I32x16 b) {
  return {_mm256_and_si256(a.lo, b.lo), _mm256_and_si256(a.hi, b.hi)};
}
KVC_INLINE I32x16 bit_or(I32x16 a, I32x16 b) {
  return {_mm256_or_si256(a.lo, b.lo), _mm256_or_si256(a.hi, b.hi)};
}
KVC_INLINE I32x16 shift_left(I32x16 a, int bits) {
  return {_mm256_slli_epi32(a.lo, bits), _mm256_slli_epi32(a.hi, bits)};
}
KVC_INLINE I32x16 shift_right(I32x16 a, int bits) {
  return {_mm256_srli_epi32(a.lo, bits), _mm256_srli_epi32(a.hi, bits)};
}
KVC_INLINE F32x16 to_float(I32x16 a) { return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)}; }
KVC_INLINE I32x16 to_i32(F32x16 a) { return {_mm256_cvtps_epi32(a.lo), _mm256_cvtps_epi32(a.hi)}; }

// 2^whole times p for whole in [-126, 127], by adding to the exponent; 0 where x is below that range.
KVC_INLINE __m256 scale_8(__m256 p, __m256 whole, __m256 x) {
  const __m256i shifted = _mm256_slli_epi32(_mm256_cvtps_epi32(whole), 23);
  const __m256 scaled = _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), shifted));
  return _mm256_and_ps(scaled, _mm256_cmp_ps(x, _mm256_set1_ps(-126.0f), _CMP_GE_OQ));
}
template <int kDegree>
KVC_INLINE __m256 exp2_8(__m256 x, const float (&c)[kDegree]) {
  const __m256 bounded = _mm256_min_ps(_mm256_max_ps(x, _mm256_set1_ps(-126.0f)), _mm256_set1_ps(127.0f));
  const __m256 whole = _mm256_floor_ps(bounded);
  const __m256 f = _mm256_sub_ps(bounded, whole);
  __m256 p = _mm256_set1_ps(c[kDegree - 1]);
  for (int i = kDegree - 2; i >= 0; --i) p = _mm256_fmadd_ps(p, f, _mm256_set1_ps(c[i]));
  return scale_8(_mm256_fmadd_ps(p, f, _mm256_set1_ps(1.0f)), whole, x);
}
KVC_INLINE F32x16 exp2(F32x16 x) { return {exp2_8(x.lo, kExp2), exp2_8(x.hi, kExp2)}; }
KVC_INLINE F32x16 exp2_coarse(F32x16 x) { return {exp2_8(x.lo, kExp2Coarse), exp2_8(x.hi, kExp2Coarse)}; }

}  // namespace kvcompress::KVC_ISA
