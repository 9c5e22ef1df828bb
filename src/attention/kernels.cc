// The tables of kernels by page form and instruction set.
#include "attention/kernels.h"

#include <string>  // std::to_string

#include "kvcompress/error.h"  // UsageError

namespace kvcompress {

#define KVC_DECLARE_KERNELS(isa)               \
  namespace isa {                              \
  extern const AttentionKernels kF16Attention; \
  }
KVC_DECLARE_KERNELS(scalar)
#ifdef KVC_HAVE_AVX2
KVC_DECLARE_KERNELS(avx2)
#endif
#ifdef KVC_HAVE_AVX512
KVC_DECLARE_KERNELS(avx512)
#endif
#ifdef KVC_HAVE_AVX512_BF16
KVC_DECLARE_KERNELS(avx512_bf16)
#endif
#ifdef KVC_HAVE_NEON
KVC_DECLARE_KERNELS(neon)
#endif
#undef KVC_DECLARE_KERNELS

namespace {

const AttentionKernels& f16_kernels_of(Isa isa) {
  switch (isa) {
#ifdef KVC_HAVE_AVX2
    case Isa::avx2:
      return avx2::kF16Attention;
#endif
#ifdef KVC_HAVE_AVX512
    case Isa::avx512:
      return avx512::kF16Attention;
#endif
#ifdef KVC_HAVE_AVX512_BF16
    case Isa::avx512_bf16:
      return avx512_bf16::kF16Attention;
#endif
#ifdef KVC_HAVE_NEON
    case Isa::neon:
      return neon::kF16Attention;
#endif
    default:
      return scalar::kF16Attention;
  }
}

}  // namespace

const AttentionKernels& attention_kernels(FormId form, Isa isa) {
  switch (form) {
    case FormId::f16:
      return f16_kernels_of(isa);
  }
  throw UsageError("[attention] expected pages in f16 form, got form " +
                   std::to_string(static_cast<int>(form)) + "; this build has no kernels for it");
}

}  // namespace kvcompress
