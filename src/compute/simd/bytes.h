// Bytes of a lane as codes of numbers, for *.isa.cc files that read them; beside simd.h:
//   lookup_bytes(table, codes): bytes of a table of 16, which `table` has four times, at codes 0 .. 15
//   signed_byte(words, j): byte j of every lane, as a signed number
//   as_float(words): the float whose bits each lane has
#pragma once

#include "compute/simd/simd.h"  // I32x16, F32x16

namespace kvcompress::KVC_ISA {

#if defined(KVC_ISA_IS_avx512) || defined(KVC_ISA_IS_avx512_bf16)

KVC_INLINE I32x16 lookup_bytes(I32x16 table, I32x16 codes) { return _mm512_shuffle_epi8(table, codes); }
KVC_INLINE I32x16 signed_byte(I32x16 words, int j) {
  return _mm512_srai_epi32(_mm512_slli_epi32(words, 24 - 8 * j), 24);
}
KVC_INLINE F32x16 as_float(I32x16 words) { return _mm512_castsi512_ps(words); }

#elif defined(KVC_ISA_IS_avx2)

KVC_INLINE I32x16 lookup_bytes(I32x16 table, I32x16 codes) {
  return {_mm256_shuffle_epi8(table.lo, codes.lo), _mm256_shuffle_epi8(table.hi, codes.hi)};
}
KVC_INLINE I32x16 signed_byte(I32x16 words, int j) {
  const I32x16 top = shift_left(words, 24 - 8 * j);
  return {_mm256_srai_epi32(top.lo, 24), _mm256_srai_epi32(top.hi, 24)};
}
KVC_INLINE F32x16 as_float(I32x16 words) {
  return {_mm256_castsi256_ps(words.lo), _mm256_castsi256_ps(words.hi)};
}

#elif defined(KVC_ISA_IS_neon)

KVC_INLINE I32x16 lookup_bytes(I32x16 table, I32x16 codes) {
  for (int i = 0; i < 4; ++i) {
    codes.q[i] =
        vreinterpretq_s32_u8(vqtbl1q_u8(vreinterpretq_u8_s32(table.q[i]), vreinterpretq_u8_s32(codes.q[i])));
  }
  return codes;
}
KVC_INLINE I32x16 signed_byte(I32x16 words, int j) {
  words = shift_left(words, 24 - 8 * j);
  for (int i = 0; i < 4; ++i) words.q[i] = vshrq_n_s32(words.q[i], 24);
  return words;
}
KVC_INLINE F32x16 as_float(I32x16 words) {
  F32x16 floats;
  for (int i = 0; i < 4; ++i) floats.q[i] = vreinterpretq_f32_s32(words.q[i]);
  return floats;
}

#endif

}  // namespace kvcompress::KVC_ISA
