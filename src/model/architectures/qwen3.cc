// Qwen 3, dense (arXiv:2505.09388): as Qwen 2 without biases, and an RMS norm of each query and key head
// before RoPE.
#include "model/architectures/architectures.h"  // make_qwen3
#include "model/transformer.h"                  // Transformer

namespace kvcompress {
namespace {

class Qwen3 final : public Transformer {
 public:
  Qwen3(Tensors& tensors, const Hyperparameters& shape, float epsilon, Linear& linear, ThreadPool& pool)
      : Transformer(tensors, shape, tensors.rms_norm("output_norm", shape.config.hidden, epsilon), linear,
                    pool),
        rope_(shape.rope) {
    for (int l = 0; l < shape.config.layers; ++l) {
      const std::string prefix = layer_name(l);
      layers_.push_back({tensors.rms_norm(prefix + ".attn_norm", shape.config.hidden, epsilon),
                         take_qkv(tensors, l),
                         tensors.rms_norm(prefix + ".attn_q_norm", shape.config.head_dim, epsilon),
                         tensors.rms_norm(prefix + ".attn_k_norm", shape.config.head_dim, epsilon),
                         take_attention_output(tensors, l),
                         tensors.rms_norm(prefix + ".ffn_norm", shape.config.hidden, epsilon),
                         take_feed_forward(tensors, l)});
    }
  }

  void pre(int layer, const Rows& rows, const float* x, const Qkv& out) override {
    const Layer& weights = layers_[static_cast<size_t>(layer)];
    project_qkv(weights.qkv, rows, normalised(weights.attention_norm, rows, x), out);
    turn(rows, rope_, RopePairing::halves, &weights.query_norm, &weights.key_norm, out);
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
    Norm query_norm, key_norm;  // [head_dim]
    Projection attention_output;
    Norm feed_forward_norm;
    GatedFeedForward feed_forward;
  };

  PreparedRope rope_;
  std::vector<Layer> layers_;
};

}  // namespace

std::unique_ptr<Architecture> make_qwen3(const ModelFile& file, Linear& linear, ThreadPool& pool) {
  return make_transformer<Qwen3>(file, read_hyperparameters(file, "qwen3"), "layer_norm_rms_epsilon", linear,
                                 pool);
}

}  // namespace kvcompress
