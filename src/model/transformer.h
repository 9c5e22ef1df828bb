// What the architectures are made of: products through Linear, and the work on each row, spread over the pool
// when there is enough of it. Scratch memory is kept from step to step, so an object serves one step at a
// time.
#pragma once

#include <cstdint>  // int64_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

#include "dense/rope.h"             // RopeTable
#include "dense/row_ops.h"          // rms_norm
#include "model/architecture.h"     // Architecture
#include "model/hyperparameters.h"  // Hyperparameters
#include "model/tensors.h"          // Projection

namespace kvcompress {

// Down(act(gate x) * up x).
struct GatedFeedForward {
  Projection gate, up, down;
};

// A RoPE table and the positions it was made for.
struct PreparedRope {
  explicit PreparedRope(const RopeSettings& settings) : table(settings) {}
  const RopeTable& at(std::span<const int32_t> wanted);
  Rotation rotation(RopePairing pairing) const {
    return {table.frequencies(), pairing == RopePairing::halves};
  }

  RopeTable table;
  std::vector<int32_t> positions;
};

class Transformer : public Architecture {
 public:
  const ModelConfig& config() const override { return shape_.config; }
  void embed(const Rows& rows, float* x) override;
  void head(const Rows& rows, const float* x, float* logits) override;

 protected:
  enum class Target { overwrite, add };
  enum class Gate { silu, gelu };

  // Takes the embedding and the output matrix (the embedding again where the file has none).
  Transformer(Tensors& tensors, const Hyperparameters& shape, Norm last_norm, Linear& linear,
              ThreadPool& pool);

  static std::string layer_name(int layer) { return "blk." + std::to_string(layer); }
  GatedFeedForward take_feed_forward(Tensors& tensors, int layer) const;
  QkvProjection take_qkv(Tensors& tensors, int layer) const;
  Projection take_attention_output(Tensors& tensors, int layer) const;

  // function(row) for every row; width: floats it touches, to judge whether threads pay.
  template <typename Function>
  void for_rows(const Rows& rows, int64_t width, Function&& function);

  // out may be x. The second normalises into scratch memory, valid until the next call of it.
  void normalise(const Norm& norm, const Rows& rows, const float* x, float* out);
  float* normalised(const Norm& norm, const Rows& rows, const float* x);

  void project(const Projection& projection, const Rows& rows, const float* input, float* output,
               Target target);
  void project_qkv(const QkvProjection& projection, const Rows& rows, const float* input, const Qkv& out);
  // Norms of each query and key head ([head_dim] or nullptr), then RoPE.
  void turn(const Rows& rows, PreparedRope& rope, RopePairing pairing, const Norm* query_norm,
            const Norm* key_norm, const Qkv& qkv);
  void feed_forward(const GatedFeedForward& weights, Gate gate, const Rows& rows, const float* input,
                    float* output, Target target);
  // x += added
  void add_to(const Rows& rows, const float* added, float* x);

  // At least `size` floats that stay until the next call with the same index.
  enum class Scratch { normalised, gate, up, output };
  float* scratch(Scratch which, int64_t size);

  Hyperparameters shape_;
  float embedding_scale_ = 1.0f;
  float logit_cap_ = 0.0f;  // 0: none

 private:
  void multiply(const Rows& rows, const float* input, int64_t stride, std::span<const Product> products);

  Linear& linear_;
  ThreadPool& pool_;
  Weight embedding_;
  Norm last_norm_;
  Projection output_;
  std::vector<float> scratch_[4];
};

// A Model, and the check that it took all that the file has. epsilon_key: ARCHITECTURE.attention.KEY, its
// norms' epsilon. more: what the Model's constructor takes beyond that.
template <typename Model, typename... More>
std::unique_ptr<Architecture> make_transformer(const ModelFile& file, const Hyperparameters& shape,
                                               const char* epsilon_key, Linear& linear, ThreadPool& pool,
                                               const More&... more) {
  Tensors tensors(file);
  const float epsilon = read_epsilon(file, shape.config.architecture, epsilon_key);
  auto model = std::make_unique<Model>(tensors, shape, epsilon, linear, pool, more...);
  tensors.require_all_taken(shape.config.architecture);
  return model;
}

template <typename Function>
void Transformer::for_rows(const Rows& rows, int64_t width, Function&& function) {
  constexpr int64_t kWorthThreads = 16 * 1024;  // floats: some microseconds, what waking a thread costs
  constexpr int kRowsAtOnce = 8;
  const int count = rows.count();
  if (count * width < kWorthThreads || pool_.size() == 1) {
    for (int row = 0; row < count; ++row) function(row);
    return;
  }
  pool_.parallel_for((count + kRowsAtOnce - 1) / kRowsAtOnce, [&](int64_t block, int) {
    const int begin = static_cast<int>(block) * kRowsAtOnce;
    for (int row = begin; row < count && row < begin + kRowsAtOnce; ++row) function(row);
  });
}

}  // namespace kvcompress
