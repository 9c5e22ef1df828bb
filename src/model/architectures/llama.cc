// Llama 2 and 3, Mistral, SmolLM2 (arXiv:2302.13971): RMS norms, RoPE over adjacent channels, SwiGLU. Llama 3
// stretches low frequencies: the converter wrote the divisor of each.
#include "model/architectures/architectures.h"  // make_llama
#include "model/gated_decoder.h"                // make_gated_decoder

namespace kvcompress {

std::unique_ptr<Architecture> make_llama(const ModelFile& file, Linear& linear, ThreadPool& pool) {
  return make_gated_decoder("llama", {.pairing = RopePairing::adjacent, .rope_factors = true}, file, linear,
                            pool);
}

}  // namespace kvcompress
