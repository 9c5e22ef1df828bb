// Gemma 3, text (arXiv:2503.19786): scaled embeddings, norms before and after attention and feed-forward,
// norms of each query and key head, GeGLU, and layers that see only a sliding window, with a RoPE base of
// their own.
#include <fmt/format.h>

#include <cmath>  // std::sqrt

#include "kvcompress/error.h"
#include "model/architectures/architectures.h"  // make_gemma3
#include "model/transformer.h"                  // Transformer

namespace kvcompress {
namespace {

// Windows of the layers: from the pattern in the file (a period, or a flag for each layer), else all but
// every sixth.
std::vector<int32_t> read_windows(const ModelFile& file, int layers) {
  const int64_t window = file.integer("gemma3.attention.sliding_window").value_or(0);
  std::vector<int32_t> windows(static_cast<size_t>(layers), 0);
  if (window == 0) return windows;
  file.require_integer("gemma3.attention.sliding_window", 1, 1 << 30);
  const std::string key = "gemma3.attention.sliding_window_pattern";
  const auto flags = file.has_list(key) ? file.integers(key) : std::nullopt;
  if (flags && flags->size() < windows.size()) {
    throw InputError(
        fmt::format("[model file {}] expected {} with {} entries, got {}; convert the model again",
                    file.path(), key, layers, flags->size()));
  }
  const int64_t period = flags || !file.integer(key) ? 6 : file.require_integer(key, 0, 512);
  for (size_t l = 0; l < windows.size(); ++l) {
    const bool slides =
        flags ? (*flags)[l] != 0 : period == 0 || static_cast<int64_t>(l) % period < period - 1;
    if (slides) windows[l] = static_cast<int32_t>(window);
  }
  return windows;
}

Hyperparameters read_shape(const ModelFile& file) {
  Hyperparameters shape = read_hyperparameters(file, "gemma3");
  ModelConfig& config = shape.config;
  config.sliding_window = read_windows(file, config.layers);
  // The 27B model alone scales by hidden / heads instead of the head's width; the file does not say so.
  constexpr int kLayersOf27B = 62;
  if (config.layers == kLayersOf27B) {
    config.attention_scale = 1.0f / std::sqrt(static_cast<float>(config.hidden / config.query_heads));
  }
  return shape;
}

RopeSettings read_local_rope(const ModelFile& file, RopeSettings rope) {
  const std::string key = "gemma3.rope.freq_base_swa";
  rope.base = file.number(key) ? file.require_number(key, 1.0, 1e15) : 10000.0;
  rope.freq_scale = 1.0;
  return rope;
}

class Gemma3 final : public Transformer {
 public:
  Gemma3(Tensors& tensors, const Hyperparameters& shape, float epsilon, Linear& linear, ThreadPool& pool)
      : Transformer(tensors, shape, tensors.rms_norm("output_norm", shape.config.hidden, epsilon), linear,
                    pool),
        global_rope_(shape.rope),
        local_rope_(read_local_rope(tensors.file(), shape.rope)) {
    embedding_scale_ = std::sqrt(static_cast<float>(shape.config.hidden));
    if (tensors.file().number("gemma3.final_logit_softcapping")) {
      logit_cap_ =
          static_cast<float>(tensors.file().require_number("gemma3.final_logit_softcapping", 0.0, 1e6));
    }
    const auto norm = [&](int layer, const char* name, int size) {
      return tensors.rms_norm(layer_name(layer) + name, size, epsilon);
    };
    const int hidden = shape.config.hidden;
    const int head_dim = shape.config.head_dim;
    for (int l = 0; l < shape.config.layers; ++l) {
      layers_.push_back({norm(l, ".attn_norm", hidden), take_qkv(tensors, l),
                         norm(l, ".attn_q_norm", head_dim), norm(l, ".attn_k_norm", head_dim),
                         take_attention_output(tensors, l), norm(l, ".post_attention_norm", hidden),
                         norm(l, ".ffn_norm", hidden), take_feed_forward(tensors, l),
                         norm(l, ".post_ffw_norm", hidden)});
    }
  }

  void pre(int layer, const Rows& rows, const float* x, const Qkv& out) override {
    const Layer& weights = layers_[static_cast<size_t>(layer)];
    const bool slides = shape_.config.sliding_window[static_cast<size_t>(layer)] > 0;
    project_qkv(weights.qkv, rows, normalised(weights.attention_norm, rows, x), out);
    turn(rows, slides ? local_rope_ : global_rope_, RopePairing::halves, &weights.query_norm,
         &weights.key_norm, out);
  }

  void post(int layer, const Rows& rows, const float* attended, float* x) override {
    const Layer& weights = layers_[static_cast<size_t>(layer)];
    float* output = scratch(Scratch::output, static_cast<int64_t>(rows.count()) * shape_.config.hidden);
    project(weights.attention_output, rows, attended, output, Target::overwrite);
    normalise(weights.post_attention_norm, rows, output, output);
    add_to(rows, output, x);
    const float* input = normalised(weights.feed_forward_norm, rows, x);
    feed_forward(weights.feed_forward, Gate::gelu, rows, input, output, Target::overwrite);
    normalise(weights.post_feed_forward_norm, rows, output, output);
    add_to(rows, output, x);
  }

  Rotation rotation(int layer) const override {
    const bool slides = shape_.config.sliding_window[static_cast<size_t>(layer)] > 0;
    return (slides ? local_rope_ : global_rope_).rotation(RopePairing::halves);
  }
  const Weight& attention_output(int layer) const override {
    return layers_[static_cast<size_t>(layer)].attention_output.weight;
  }

 private:
  struct Layer {
    Norm attention_norm;
    QkvProjection qkv;
    Norm query_norm, key_norm;  // [head_dim]
    Projection attention_output;
    Norm post_attention_norm, feed_forward_norm;
    GatedFeedForward feed_forward;
    Norm post_feed_forward_norm;
  };

  PreparedRope global_rope_, local_rope_;
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Architecture> make_gemma3(const ModelFile& file, Linear& linear, ThreadPool& pool) {
  return make_transformer<Gemma3>(file, read_shape(file), "layer_norm_rms_epsilon", linear, pool);
}

}  // namespace kvcompress
