// The tables of kernels that a NAME.isa.cc defines once for each instruction set: their declarations, and the
// choice of one. The only list of instruction sets that have kernels; which of them this build compiles,
// cmake/rungs.cmake says.
#pragma once

#include "compute/isa.h"  // Isa

#ifdef KVC_HAVE_NEON
#define KVC_WITH_NEON(apply, ...) apply(neon __VA_OPT__(, ) __VA_ARGS__)
#else
#define KVC_WITH_NEON(...)
#endif
#ifdef KVC_HAVE_AVX2
#define KVC_WITH_AVX2(apply, ...) apply(avx2 __VA_OPT__(, ) __VA_ARGS__)
#else
#define KVC_WITH_AVX2(...)
#endif
#ifdef KVC_HAVE_AVX512
#define KVC_WITH_AVX512(apply, ...) apply(avx512 __VA_OPT__(, ) __VA_ARGS__)
#else
#define KVC_WITH_AVX512(...)
#endif
#ifdef KVC_HAVE_AVX512_BF16
#define KVC_WITH_AVX512_BF16(apply, ...) apply(avx512_bf16 __VA_OPT__(, ) __VA_ARGS__)
#else
#define KVC_WITH_AVX512_BF16(...)
#endif

// apply(ISA, ...) for every instruction set of this build but scalar, ascending in preference.
#define KVC_FOR_EACH_ISA(...) \
  KVC_WITH_NEON(__VA_ARGS__)  \
  KVC_WITH_AVX2(__VA_ARGS__)  \
  KVC_WITH_AVX512(__VA_ARGS__) KVC_WITH_AVX512_BF16(__VA_ARGS__)

// Declares ISA::table of each, in namespace kvcompress.
#define KVC_DECLARE_KERNELS(Type, table) KVC_FOR_EACH_ISA(KVC_DECLARE_KERNELS_OF, Type, table)
#define KVC_DECLARE_KERNELS_OF(isa, Type, table) \
  namespace isa {                                \
  extern const Type table;                       \
  }

// Returns ISA::table of the chosen instruction set, or `plain` when this build has no kernels for it. `table`
// may be an element of the table.
#define KVC_RETURN_KERNELS(chosen, table, plain)   \
  switch (chosen) {                                \
    KVC_FOR_EACH_ISA(KVC_RETURN_KERNELS_OF, table) \
    default:                                       \
      return plain;                                \
  }
#define KVC_RETURN_KERNELS_OF(isa, table) \
  case Isa::isa:                          \
    return isa::table;
