// The decoder that most families share: RMS norms before attention and before a gated feed-forward (SwiGLU),
// RoPE over the whole head or its first channels, residuals around both. An architecture of this shape is its
// options.
#pragma once

#include <memory>  // std::unique_ptr
#include <vector>  // std::vector

#include "model/transformer.h"  // Transformer

namespace kvcompress {

// Biases need no option: a product has one where the file has it.
struct GatedDecoderOptions {
  RopePairing pairing = RopePairing::halves;
  bool head_norms = false;    // an RMS norm of each query and key head before RoPE
  bool rope_factors = false;  // the file may have rope_freqs.weight, the divisor of each RoPE frequency
};

class GatedDecoder final : public Transformer {
 public:
  GatedDecoder(Tensors& tensors, const Hyperparameters& shape, float epsilon, Linear& linear,
               ThreadPool& pool, GatedDecoderOptions options);

  void pre(int layer, const Rows& rows, const float* x, const Qkv& out) override;
  void post(int layer, const Rows& rows, const float* attended, float* x) override;
  Rotation rotation(int) const override { return rope_.rotation(options_.pairing); }
  const Weight& attention_output(int layer) const override {
    return layers_[static_cast<size_t>(layer)].attention_output.weight;
  }

 private:
  struct Layer {
    Norm attention_norm;
    QkvProjection qkv;
    Norm query_norm, key_norm;  // [head_dim], with head_norms only
    Projection attention_output;
    Norm feed_forward_norm;
    GatedFeedForward feed_forward;
  };

  Layer take_layer(Tensors& tensors, int layer, float epsilon) const;

  GatedDecoderOptions options_;
  PreparedRope rope_;
  std::vector<Layer> layers_;
};

// name: general.architecture, the prefix of the file's keys.
std::unique_ptr<Architecture> make_gated_decoder(const char* name, GatedDecoderOptions options,
                                                 const ModelFile& file, Linear& linear, ThreadPool& pool);

}  // namespace kvcompress
