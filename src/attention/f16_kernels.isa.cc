// The table of one instruction set.
#include "attention/f16_kernels.h"

#include "attention/packed_decode.h"  // packed_decode

namespace kvcompress::KVC_ISA {

extern const AttentionKernels kAttention;
const AttentionKernels kAttention{
    .decode_fast = f16_decode_fast,
    .decode_exact = f16_decode_exact,
    .decode_packed = packed_decode,
    .prefill_fast = f16_prefill_fast,
    .prefill_exact = f16_prefill_exact,
    .prefill_scratch = f16_prefill_scratch,
    .capture = f16_capture,
    .capture_scratch = f16_capture_scratch,
    .key_norms = f16_key_norms,
};

}  // namespace kvcompress::KVC_ISA
