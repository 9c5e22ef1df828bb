// Qwen 3, dense (arXiv:2505.09388): as Qwen 2 without biases, and an RMS norm of each query and key head
// before RoPE.
#include "model/architectures/architectures.h"  // make_qwen3
#include "model/gated_decoder.h"                // make_gated_decoder

namespace kvcompress {

std::unique_ptr<Architecture> make_qwen3(const ModelFile& file, Linear& linear, ThreadPool& pool) {
  return make_gated_decoder("qwen3", {.pairing = RopePairing::halves, .head_norms = true}, file, linear,
                            pool);
}

}  // namespace kvcompress
