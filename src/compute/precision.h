#pragma once

namespace kvcompress {

// fast: BF16 products in prefill, 8-bit activations against quantised weights in decode, F32 accumulation.
// exact: float32 activations and weights throughout, for reference (`--precision exact`).
enum class Precision { fast, exact };

}  // namespace kvcompress
