// Sixteen float lanes and the few operations the kernels are written in, for whichever instruction set the
// including file is compiled for. Only files named *.isa.cc may include this: they are compiled once per
// instruction set, with KVC_ISA naming both the set and the namespace (cmake/rungs.cmake).
//
// Everything here is forced inline. A function that the compiler emitted out of line from such a file could
// be merged with its twin from a file built for an older processor, and crash there; for the same reason
// these files use no containers or algorithms of the standard library.
//
// What each header gives, the whole interface:
//   F32x16, Mask16            a vector of 16 floats; one flag per lane
//   kVectorRegisters          how many F32x16 the register file holds
//   zero broadcast load store load_f16 store_f16
//   add sub mul fma max min   fma(a, b, c) = a * b + c
//   reduce_add reduce_max any_greater(a, b)
//   in_range(p, first, last)  lanes whose int32 p[i] has first <= p[i] <= last
//   greater(a, b)             the mask of a > b
//   select(mask, a, b)        a where the mask is set, else b
//   I32x16                    a vector of 16 int32: load_i32 store_i32 broadcast_i32 add bit_and bit_or
//   shift_left shift_right    of each lane; right brings in zeros
//   to_float to_i32           to_i32 rounds to nearest, ties to even; its lanes must be below 2^31
//   exp2 exp exp2_coarse      -inf gives 0; relative error below 2e-7, 2e-6 and 1e-4
// where KVC_HAS_BYTE_DOT is 1 (a lane of an I32x16 as four bytes):
//   dot(u, s, sum)            sum + the products of unsigned bytes of u and signed bytes of s, for each lane;
//                             AVX2 adds two products in 16 bits, so one factor must be of 4 bits (or 7 and 7)
//   broadcast_quad sub_bytes  the four bytes at p in every lane; a - b of each byte
//   store_signed_bytes store_unsigned_bytes store_signed_parts store_unsigned_parts
//                             64 numbers to bytes; the last two to numbers of two bytes in two parts, up to
//                             kGreatestPartsSigned or kGreatestPartsUnsigned, see there
//   widen_unsigned widen_signed  bytes as what dot_parts (of codes without sign with factors that have one)
//   and dot_parts_signed (the other way round) multiply with both parts of numbers, into PartSums that begin
//   as no_parts(); sum_of_parts() as floats
// and, where KVC_HAS_BF16_DOT is 1:
//   Bf16Pairs                 16 lanes of two bfloat16 each
//   dot(pairs, pairs, sum)    sum + a.x * b.x + a.y * b.y for each lane, accumulated in float32
//   load_pairs broadcast_pair pack_pairs(even, odd) store_pairs(even, odd) store_bf16 store_bf16_2(first,
//   second) load_bf16 narrow_pairs(p) narrow_pairs_2(even, odd, pairs)    from f16, at 2^kNarrowedExponent
#pragma once

#include <cstdint>  // int32_t, uint16_t

#define KVC_INLINE static inline __attribute__((always_inline))
#define KVC_INLINE_MEMBER inline __attribute__((always_inline))
#define KVC_LAMBDA __attribute__((always_inline))

#if defined(KVC_ISA_IS_avx512_bf16)
#include "compute/simd/simd_avx512.h"
#include "compute/simd/simd_avx512_bf16.h"
#include "compute/simd/simd_avx512_vnni.h"
#define KVC_HAS_BF16_DOT 1
#define KVC_HAS_BYTE_DOT 1
#elif defined(KVC_ISA_IS_avx512)
#include "compute/simd/simd_avx512.h"
#define KVC_HAS_BF16_DOT 0
#define KVC_HAS_BYTE_DOT 0
#elif defined(KVC_ISA_IS_avx2)
#include "compute/simd/simd_avx2.h"
#include "compute/simd/simd_avx2_bytes.h"
#define KVC_HAS_BF16_DOT 0
#define KVC_HAS_BYTE_DOT 1
#elif defined(KVC_ISA_IS_neon)
#include "compute/simd/simd_neon.h"
#define KVC_HAS_BF16_DOT 0
#define KVC_HAS_BYTE_DOT 0
#else
#error "simd.h is for *.isa.cc files, which cmake/rungs.cmake compiles per instruction set"
#endif

namespace kvcompress::KVC_ISA {

// Bring the line at p to the first or the second level of cache. The caller need not own it: a prefetch never
// faults.
KVC_INLINE void prefetch(const void* p) { __builtin_prefetch(p, 0, 3); }
KVC_INLINE void prefetch_far(const void* p) { __builtin_prefetch(p, 0, 2); }

// f(i) for i = 0 .. kCount - 1, each a constant, written out: arrays of vectors that are indexed by nothing
// else stay in registers, which the compiler's own unrolling comes too late for. f is a lambda of `auto i`
// marked KVC_LAMBDA.
template <int kValue>
struct Constant {
  KVC_INLINE_MEMBER constexpr operator int() const { return kValue; }  // NOLINT(google-explicit-constructor)
};
template <int kCount, int kFirst = 0, class Function>
KVC_INLINE void each(const Function& f) {
  if constexpr (kFirst < kCount) {
    f(Constant<kFirst>());
    each<kCount, kFirst + 1>(f);
  }
}

KVC_INLINE F32x16 exp(F32x16 x) { return exp2(mul(x, broadcast(1.44269504088896341f))); }

}  // namespace kvcompress::KVC_ISA
