// F32x16 for AArch64: four registers. See simd.h for the meaning of each operation.
#pragma once

#include <arm_neon.h>

#include <cstdint>  // int32_t, uint16_t

#include "compute/simd/exp2_coefficients.h"

namespace kvcompress::KVC_ISA {

struct F32x16 {
  float32x4_t q[4];
};
struct Mask16 {
  uint32x4_t q[4];  // all bits set where true
};
static constexpr int kVectorRegisters = 8;

// Applies a statement to each quarter; the loop is unrolled, so the quarters stay in registers.
#define KVC_EACH_QUARTER(type, expression)           \
  type r;                                            \
  for (int i = 0; i < 4; ++i) r.q[i] = (expression); \
  return r

KVC_INLINE F32x16 broadcast(float x) { KVC_EACH_QUARTER(F32x16, vdupq_n_f32(x)); }
KVC_INLINE F32x16 zero() { return broadcast(0.0f); }
KVC_INLINE F32x16 load(const float* p) { KVC_EACH_QUARTER(F32x16, vld1q_f32(p + 4 * i)); }
KVC_INLINE void store(float* p, F32x16 x) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, x.q[i]);
}
KVC_INLINE F32x16 load_f16(const uint16_t* p) {
  KVC_EACH_QUARTER(F32x16, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p + 4 * i))));
}
KVC_INLINE void store_f16(uint16_t* p, F32x16 x) {
  for (int i = 0; i < 4; ++i) vst1_u16(p + 4 * i, vreinterpret_u16_f16(vcvt_f16_f32(x.q[i])));
}

KVC_INLINE F32x16 add(F32x16 a, F32x16 b) { KVC_EACH_QUARTER(F32x16, vaddq_f32(a.q[i], b.q[i])); }
KVC_INLINE F32x16 sub(F32x16 a, F32x16 b) { KVC_EACH_QUARTER(F32x16, vsubq_f32(a.q[i], b.q[i])); }
KVC_INLINE F32x16 mul(F32x16 a, F32x16 b) { KVC_EACH_QUARTER(F32x16, vmulq_f32(a.q[i], b.q[i])); }
KVC_INLINE F32x16 fma(F32x16 a, F32x16 b, F32x16 c) {
  KVC_EACH_QUARTER(F32x16, vfmaq_f32(c.q[i], a.q[i], b.q[i]));
}
KVC_INLINE F32x16 max(F32x16 a, F32x16 b) { KVC_EACH_QUARTER(F32x16, vmaxq_f32(a.q[i], b.q[i])); }
KVC_INLINE F32x16 min(F32x16 a, F32x16 b) { KVC_EACH_QUARTER(F32x16, vminq_f32(a.q[i], b.q[i])); }
KVC_INLINE F32x16 sqrt(F32x16 a) { KVC_EACH_QUARTER(F32x16, vsqrtq_f32(a.q[i])); }

KVC_INLINE float reduce_add(F32x16 x) {
  return vaddvq_f32(vaddq_f32(vaddq_f32(x.q[0], x.q[1]), vaddq_f32(x.q[2], x.q[3])));
}
KVC_INLINE float reduce_max(F32x16 x) {
  return vmaxvq_f32(vmaxq_f32(vmaxq_f32(x.q[0], x.q[1]), vmaxq_f32(x.q[2], x.q[3])));
}
KVC_INLINE bool any_greater(F32x16 a, F32x16 b) {
  uint32x4_t any = vdupq_n_u32(0);
  for (int i = 0; i < 4; ++i) any = vorrq_u32(any, vcgtq_f32(a.q[i], b.q[i]));
  return vmaxvq_u32(any) != 0;
}

KVC_INLINE Mask16 in_range(const int32_t* p, int32_t first, int32_t last) {
  Mask16 r;
  for (int i = 0; i < 4; ++i) {
    const int32x4_t x = vld1q_s32(p + 4 * i);
    r.q[i] = vandq_u32(vcgeq_s32(x, vdupq_n_s32(first)), vcleq_s32(x, vdupq_n_s32(last)));
  }
  return r;
}
KVC_INLINE F32x16 select(Mask16 mask, F32x16 a, F32x16 b) {
  KVC_EACH_QUARTER(F32x16, vbslq_f32(mask.q[i], a.q[i], b.q[i]));
}

KVC_INLINE Mask16 greater(F32x16 a, F32x16 b) { KVC_EACH_QUARTER(Mask16, vcgtq_f32(a.q[i], b.q[i])); }

struct I32x16 {
  int32x4_t q[4];
};
KVC_INLINE I32x16 load_i32(const void* p) {
  KVC_EACH_QUARTER(I32x16, vld1q_s32(static_cast<const int32_t*>(p) + 4 * i));
}
KVC_INLINE void store_i32(void* p, I32x16 x) {
  for (int i = 0; i < 4; ++i) vst1q_s32(static_cast<int32_t*>(p) + 4 * i, x.q[i]);
}
KVC_INLINE I32x16 broadcast_i32(int32_t x) { KVC_EACH_QUARTER(I32x16, vdupq_n_s32(x)); }
KVC_INLINE I32x16 add(I32x16 a, I32x16 b) { KVC_EACH_QUARTER(I32x16, vaddq_s32(a.q[i], b.q[i])); }
KVC_INLINE I32x16 bit_and(I32x16 a, I32x16 b) { KVC_EACH_QUARTER(I32x16, vandq_s32(a.q[i], b.q[i])); }
KVC_INLINE I32x16 bit_or(I32x16 a, I32x16 b) { KVC_EACH_QUARTER(I32x16, vorrq_s32(a.q[i], b.q[i])); }
KVC_INLINE I32x16 shift_left(I32x16 a, int bits) {
  KVC_EACH_QUARTER(I32x16, vshlq_s32(a.q[i], vdupq_n_s32(bits)));
}
KVC_INLINE I32x16 shift_right(I32x16 a, int bits) {
  KVC_EACH_QUARTER(I32x16,
                   vreinterpretq_s32_u32(vshlq_u32(vreinterpretq_u32_s32(a.q[i]), vdupq_n_s32(-bits))));
}
KVC_INLINE F32x16 to_float(I32x16 a) { KVC_EACH_QUARTER(F32x16, vcvtq_f32_s32(a.q[i])); }
KVC_INLINE I32x16 to_i32(F32x16 a) { KVC_EACH_QUARTER(I32x16, vcvtnq_s32_f32(a.q[i])); }

#undef KVC_EACH_QUARTER

// 2^whole times p for whole in [-126, 127], by adding to the exponent; 0 where x is below that range.
template <int kDegree>
KVC_INLINE float32x4_t exp2_4(float32x4_t x, const float (&c)[kDegree]) {
  const float32x4_t bounded = vminq_f32(vmaxq_f32(x, vdupq_n_f32(-126.0f)), vdupq_n_f32(127.0f));
  const float32x4_t whole = vrndmq_f32(bounded);
  const float32x4_t f = vsubq_f32(bounded, whole);
  float32x4_t p = vdupq_n_f32(c[kDegree - 1]);
  for (int i = kDegree - 2; i >= 0; --i) p = vfmaq_f32(vdupq_n_f32(c[i]), p, f);
  p = vfmaq_f32(vdupq_n_f32(1.0f), p, f);
  const int32x4_t shifted = vshlq_n_s32(vcvtq_s32_f32(whole), 23);
  const int32x4_t scaled = vaddq_s32(vreinterpretq_s32_f32(p), shifted);
  const uint32x4_t kept = vcgeq_f32(x, vdupq_n_f32(-126.0f));
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_s32(scaled), kept));
}
KVC_INLINE F32x16 exp2(F32x16 x) {
  F32x16 r;
  for (int i = 0; i < 4; ++i) r.q[i] = exp2_4(x.q[i], kExp2);
  return r;
}
KVC_INLINE F32x16 exp2_coarse(F32x16 x) {
  F32x16 r;
  for (int i = 0; i < 4; ++i) r.q[i] = exp2_4(x.q[i], kExp2Coarse);
  return r;
}

}  // namespace kvcompress::KVC_ISA
