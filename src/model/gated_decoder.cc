#include "model/gated_decoder.h"

#include <fmt/format.h>

#include "kvcompress/error.h"

namespace kvcompress {
namespace {

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

}  // namespace

GatedDecoder::GatedDecoder(Tensors& tensors, const Hyperparameters& shape, float epsilon, Linear& linear,
                           ThreadPool& pool, GatedDecoderOptions options)
    : Transformer(tensors, shape, tensors.rms_norm("output_norm", shape.config.hidden, epsilon), linear,
                  pool),
      options_(options),
      rope_(with_factors(
          shape.rope, options.rope_factors ? take_rope_factors(tensors, shape.rope) : std::vector<float>())) {
  for (int l = 0; l < shape.config.layers; ++l) layers_.push_back(take_layer(tensors, l, epsilon));
}

GatedDecoder::Layer GatedDecoder::take_layer(Tensors& tensors, int layer, float epsilon) const {
  const auto norm = [&](const char* name, int size) {
    return tensors.rms_norm(layer_name(layer) + name, size, epsilon);
  };
  const ModelConfig& config = shape_.config;
  const auto head_norm = [&](const char* name) {
    return options_.head_norms ? norm(name, config.head_dim) : Norm();
  };
  return {norm(".attn_norm", config.hidden),
          take_qkv(tensors, layer),
          head_norm(".attn_q_norm"),
          head_norm(".attn_k_norm"),
          take_attention_output(tensors, layer),
          norm(".ffn_norm", config.hidden),
          take_feed_forward(tensors, layer)};
}

void GatedDecoder::pre(int layer, const Rows& rows, const float* x, const Qkv& out) {
  const Layer& weights = layers_[static_cast<size_t>(layer)];
  project_qkv(weights.qkv, rows, normalised(weights.attention_norm, rows, x), out);
  turn(rows, rope_, options_.pairing, options_.head_norms ? &weights.query_norm : nullptr,
       options_.head_norms ? &weights.key_norm : nullptr, out);
}

void GatedDecoder::post(int layer, const Rows& rows, const float* attended, float* x) {
  const Layer& weights = layers_[static_cast<size_t>(layer)];
  project(weights.attention_output, rows, attended, x, Target::add);
  const float* input = normalised(weights.feed_forward_norm, rows, x);
  feed_forward(weights.feed_forward, Gate::silu, rows, input, x, Target::add);
}

std::unique_ptr<Architecture> make_gated_decoder(const char* name, GatedDecoderOptions options,
                                                 const ModelFile& file, Linear& linear, ThreadPool& pool) {
  return make_transformer<GatedDecoder>(file, read_hyperparameters(file, name), "layer_norm_rms_epsilon",
                                        linear, pool, options);
}

}  // namespace kvcompress
