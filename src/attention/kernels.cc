// The tables of kernels by instruction set.
#include "attention/kernels.h"

#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS

namespace kvcompress {

namespace scalar {
extern const AttentionKernels kAttention;
}
KVC_DECLARE_KERNELS(AttentionKernels, kAttention)

const AttentionKernels& attention_kernels(Isa isa) { KVC_RETURN_KERNELS(isa, kAttention, scalar::kAttention) }

}  // namespace kvcompress
