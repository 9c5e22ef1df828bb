// A model as segments: embed, then per layer pre(l) -> ATTEND(l) -> post(l), then head. An architecture is
// one file (src/model/architectures/NAME.cc) and knows nothing of caches, sequences or threads.
#pragma once

#include <cstdint>  // int32_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

#include "dense/linear.h"      // Linear
#include "model/model_file.h"  // ModelFile
#include "policy/rotation.h"   // Rotation

namespace kvcompress {

struct ModelConfig {
  std::string architecture;
  int layers = 0, hidden = 0, vocabulary = 0;
  int query_heads = 0, kv_heads = 0, head_dim = 0;
  int context_length = 0;     // positions the model was trained for
  float attention_scale = 0;  // multiplies q.k
  // [layers] 0: the whole past; w: a token sees itself and the w - 1 before it
  std::vector<int32_t> sliding_window;
  int64_t parameters = 0;
  size_t weight_bytes = 0;
};

// The tokens of one step: prefill rows of all sequences first, then decode rows.
struct Rows {
  int prefill = 0, decode = 0;
  std::span<const int32_t> tokens;     // [prefill + decode]
  std::span<const int32_t> positions;  // [prefill + decode] true positions in their sequences
  int count() const { return prefill + decode; }
};

// What attention needs of a layer: rotated queries and keys, and values; row-major, heads side by side.
struct Qkv {
  float* queries;  // [rows][query_heads * head_dim]
  float* keys;     // [rows][kv_heads * head_dim]
  float* values;   // [rows][kv_heads * head_dim]
};

class Architecture {
 public:
  virtual ~Architecture() = default;
  virtual const ModelConfig& config() const = 0;
  // Residual stream x: [rows][hidden].
  virtual void embed(const Rows& rows, float* x) = 0;
  virtual void pre(int layer, const Rows& rows, const float* x, const Qkv& out) = 0;
  // attended: [rows][query_heads * head_dim]. Output projection, residuals and feed-forward; a mixture of
  // experts goes here. x is updated in place.
  virtual void post(int layer, const Rows& rows, const float* attended, float* x) = 0;
  // logits: [rows][vocabulary] for the given rows of the residual stream.
  virtual void head(const Rows& rows, const float* x, float* logits) = 0;

  // What policies need of a layer beside its cache: how its queries and keys are rotated, and the matrix that
  // attention's output goes through, [hidden][query_heads * head_dim].
  virtual Rotation rotation(int layer) const = 0;
  virtual const Weight& attention_output(int layer) const = 0;
};

// Builds the architecture that `file` names (general.architecture). Throws InputError for one that is not
// known (all known ones named), and for a missing or misshapen tensor or key (its name, what was expected,
// what was found).
std::unique_ptr<Architecture> make_architecture(const ModelFile& file, Linear& linear, ThreadPool& pool);

// Names of the architectures in this build, sorted.
std::vector<std::string> known_architectures();

}  // namespace kvcompress
