// The tables of kernels by page form and instruction set.
#include "attention/kernels.h"

#include <string>  // std::to_string

#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS
#include "kvcompress/error.h"     // UsageError

namespace kvcompress {

namespace scalar {
extern const AttentionKernels kF16Attention;
}
KVC_DECLARE_KERNELS(AttentionKernels, kF16Attention)

namespace {

const AttentionKernels& f16_kernels_of(Isa isa) {
  KVC_RETURN_KERNELS(isa, kF16Attention, scalar::kF16Attention)
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
