// The table of one instruction set for pages in f16 form.
#include "attention/f16_kernels.h"

namespace kvcompress::KVC_ISA {

extern const AttentionKernels kF16Attention;
const AttentionKernels kF16Attention{
    .decode_fast = f16_decode_fast,
    .decode_exact = f16_decode_exact,
    .prefill_fast = f16_prefill_fast,
    .prefill_exact = f16_prefill_exact,
    .prefill_scratch = f16_prefill_scratch,
    .capture = f16_capture,
    .capture_scratch = f16_capture_scratch,
    .key_norms = f16_key_norms,
};

}  // namespace kvcompress::KVC_ISA
