// Llama 2 and 3, Mistral, SmolLM2 (arXiv:2302.13971): RMS norms, RoPE over adjacent channels, SwiGLU.
#include <fmt/format.h>

#include "kvcompress/error.h"
#include "model/architectures/architectures.h"  // make_llama
#include "model/transformer.h"                  // Transformer

namespace kvcompress {
namespace {

// Llama 3 stretches low frequencies: the converter wrote the divisor of each.
std::vector<float> take_rope_factors(Tensors& tensors, const RopeSettings& rope) {
  auto factors = tensors.optional_vector("rope_freqs.weight", rope.dims / 2);
  for (const float factor : factors) {
    if (factor > 0.0f) continue;
    throw InputError(
        fmt::format("[model file {}] expected positive factors in rope_freqs.weight, got {}; convert the "
                    "model again",
                    tensors.file().path(), factor));
  }
  return factors;
}

RopeSettings with_factors(RopeSettings rope, const std::vector<float>& factors) {
  rope.factors = factors.empty() ? nullptr : factors.data();
  return rope;
}

class Llama final : public Transformer {
 public:
  Llama(Tensors& tensors, const Hyperparameters& shape, float epsilon, Linear& linear, ThreadPool& pool)
      : Transformer(tensors, shape, tensors.rms_norm("output_norm", shape.config.hidden, epsilon), linear,
                    pool),
        rope_(with_factors(shape.rope, take_rope_factors(tensors, shape.rope))) {
    for (int l = 0; l < shape.config.layers; ++l) {
      layers_.push_back({tensors.rms_norm(layer_name(l) + ".attn_norm", shape.config.hidden, epsilon),
                         take_qkv(tensors, l), take_attention_output(tensors, l),
                         tensors.rms_norm(layer_name(l) + ".ffn_norm", shape.config.hidden, epsilon),
                         take_feed_forward(tensors, l)});
    }
  }

  void pre(int layer, const Rows& rows, const float* x, const Qkv& out) override {
    const Layer& weights = layers_[static_cast<size_t>(layer)];
    project_qkv(weights.qkv, rows, normalised(weights.attention_norm, rows, x), out);
    turn(rows, rope_, RopePairing::adjacent, nullptr, nullptr, out);
  }

  void post(int layer, const Rows& rows, const float* attended, float* x) override {
    const Layer& weights = layers_[static_cast<size_t>(layer)];
    project(weights.attention_output, rows, attended, x, Target::add);
    const float* input = normalised(weights.feed_forward_norm, rows, x);
    feed_forward(weights.feed_forward, Gate::silu, rows, input, x, Target::add);
  }

 private:
  struct Layer {
    Norm attention_norm;
    QkvProjection qkv;
    Projection attention_output;
    Norm feed_forward_norm;
    GatedFeedForward feed_forward;
  };

  PreparedRope rope_;
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Architecture> make_llama(const ModelFile& file, Linear& linear, ThreadPool& pool) {
  return make_transformer<Llama>(file, read_hyperparameters(file, "llama"), "layer_norm_rms_epsilon", linear,
                                 pool);
}

}  // namespace kvcompress
