// GPT-NeoX, Pythia (arXiv:2204.06745, arXiv:2304.01373): layer norms and products with biases, RoPE over the
// first channels of a head, GELU, and attention and feed-forward side by side.
#include "model/architectures/architectures.h"  // make_gptneox
#include "model/transformer.h"                  // Transformer

namespace kvcompress {
namespace {

class GptNeoX final : public Transformer {
 public:
  GptNeoX(Tensors& tensors, const Hyperparameters& shape, float epsilon, Linear& linear, ThreadPool& pool)
      : Transformer(tensors, shape, tensors.layer_norm("output_norm", shape.config.hidden, epsilon), linear,
                    pool),
        rope_(shape.rope),
        parallel_(tensors.file().require_integer("gptneox.use_parallel_residual", 0, 1) != 0) {
    const int hidden = shape.config.hidden;
    for (int l = 0; l < shape.config.layers; ++l) {
      const std::string prefix = layer_name(l);
      layers_.push_back({tensors.layer_norm(prefix + ".attn_norm", hidden, epsilon), take_qkv(tensors, l),
                         take_attention_output(tensors, l),
                         tensors.layer_norm(prefix + ".ffn_norm", hidden, epsilon),
                         tensors.projection(prefix + ".ffn_up", shape.feed_forward, hidden),
                         tensors.projection(prefix + ".ffn_down", hidden, shape.feed_forward)});
    }
  }

  void pre(int layer, const Rows& rows, const float* x, const Qkv& out) override {
    const Layer& weights = layers_[static_cast<size_t>(layer)];
    project_qkv(weights.qkv, rows, normalised(weights.attention_norm, rows, x), out);
    turn(rows, rope_, RopePairing::halves, nullptr, nullptr, out);
  }

  void post(int layer, const Rows& rows, const float* attended, float* x) override {
    const Layer& weights = layers_[static_cast<size_t>(layer)];
    // Side by side, the feed-forward reads the stream as it was before attention.
    const float* input = parallel_ ? normalised(weights.feed_forward_norm, rows, x) : nullptr;
    project(weights.attention_output, rows, attended, x, Target::add);
    if (!parallel_) input = normalised(weights.feed_forward_norm, rows, x);
    const int64_t width = shape_.feed_forward;
    float* inner = scratch(Scratch::up, rows.count() * width);
    project(weights.up, rows, input, inner, Target::overwrite);
    for_rows(rows, width, [&](int row) { gelu(inner + row * width, width, inner + row * width); });
    project(weights.down, rows, inner, x, Target::add);
  }

  Rotation rotation(int) const override { return rope_.rotation(RopePairing::halves); }
  const Weight& attention_output(int layer) const override {
    return layers_[static_cast<size_t>(layer)].attention_output.weight;
  }

 private:
  struct Layer {
    Norm attention_norm;
    QkvProjection qkv;
    Projection attention_output;
    Norm feed_forward_norm;
    Projection up, down;
  };

  PreparedRope rope_;
  bool parallel_;
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Architecture> make_gptneox(const ModelFile& file, Linear& linear, ThreadPool& pool) {
  return make_transformer<GptNeoX>(file, read_hyperparameters(file, "gptneox"), "layer_norm_epsilon", linear,
                                   pool);
}

}  // namespace kvcompress
