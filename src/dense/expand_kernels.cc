#include "dense/expand_kernels.h"

namespace kvcompress {

ExpandRow expand_row_kernel(Isa isa, WeightFormat format) {
  if (format == WeightFormat::other) return nullptr;
  const int index = static_cast<int>(format);
  switch (isa) {
#ifdef KVC_HAVE_AVX2
    case Isa::avx2:
      return avx2::kExpand[index];
#endif
#ifdef KVC_HAVE_AVX512
    case Isa::avx512:
      return avx512::kExpand[index];
#endif
#ifdef KVC_HAVE_AVX512_BF16
    case Isa::avx512_bf16:
      return avx512_bf16::kExpand[index];
#endif
#ifdef KVC_HAVE_NEON
    case Isa::neon:
      return neon::kExpand[index];
#endif
    default:
      static_cast<void>(index);
      return nullptr;
  }
}

}  // namespace kvcompress
