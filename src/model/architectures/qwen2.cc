// Qwen 2 and 2.5 (arXiv:2407.10671): RMS norms, biases on queries, keys and values, RoPE over halves, SwiGLU.
#include "model/architectures/architectures.h"  // make_qwen2
#include "model/gated_decoder.h"                // make_gated_decoder

namespace kvcompress {

std::unique_ptr<Architecture> make_qwen2(const ModelFile& file, Linear& linear, ThreadPool& pool) {
  return make_gated_decoder("qwen2", {.pairing = RopePairing::halves}, file, linear, pool);
}

}  // namespace kvcompress
