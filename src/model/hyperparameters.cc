#include "model/hyperparameters.h"

#include <fmt/format.h>

#include <cmath>   // std::sqrt
#include <limits>  // std::numeric_limits

#include "kvcompress/error.h"

namespace kvcompress {
namespace {

// Bounds that no real model comes near; inside them no product of two overflows what it is kept in.
constexpr int64_t kMostLayers = 512;
constexpr int64_t kMostHeads = 4096;
constexpr int64_t kWidestHead = 1024;
constexpr int64_t kWidest = 1 << 22;

class Keys {
 public:
  Keys(const ModelFile& file, const std::string& architecture) : file_(file), prefix_(architecture + ".") {}

  int required(const std::string& key, int64_t maximum) const {
    return static_cast<int>(file_.require_integer(prefix_ + key, 1, maximum));
  }
  int optional(const std::string& key, int64_t maximum, int64_t otherwise) const {
    return file_.integer(prefix_ + key) ? required(key, maximum) : static_cast<int>(otherwise);
  }
  double optional_number(const std::string& key, double minimum, double maximum, double otherwise) const {
    return file_.number(prefix_ + key) ? file_.require_number(prefix_ + key, minimum, maximum) : otherwise;
  }
  std::string optional_text(const std::string& key, const char* otherwise) const {
    return file_.text(prefix_ + key).value_or(otherwise);
  }
  [[noreturn]] void fail(const std::string& expected, const std::string& got, const char* advice) const {
    throw InputError(
        fmt::format("[model file {}] expected {}, got {}; {}", file_.path(), expected, got, advice));
  }

 private:
  const ModelFile& file_;
  std::string prefix_;
};

constexpr const char* kUseAnother = "use another model";

void read_heads(const Keys& keys, ModelConfig& config) {
  config.query_heads = keys.required("attention.head_count", kMostHeads);
  config.kv_heads = keys.optional("attention.head_count_kv", kMostHeads, config.query_heads);
  if (config.query_heads % config.kv_heads != 0) {
    keys.fail("a whole number of query heads for each KV head",
              fmt::format("{} query heads and {} KV heads", config.query_heads, config.kv_heads),
              "the file is damaged or of an unknown kind");
  }
  config.head_dim = keys.optional("attention.key_length", kWidestHead, config.hidden / config.query_heads);
  const int value_dim =
      keys.optional("attention.value_length", kWidestHead, config.hidden / config.query_heads);
  if (value_dim != config.head_dim || config.head_dim < 1 || config.head_dim > kWidestHead) {
    keys.fail(fmt::format("keys and values of one width from 1 to {}", kWidestHead),
              fmt::format("{} and {}", config.head_dim, value_dim), kUseAnother);
  }
  config.attention_scale = 1.0f / std::sqrt(static_cast<float>(config.head_dim));
}

RopeSettings read_rope(const Keys& keys, int head_dim) {
  RopeSettings rope;
  rope.dims = keys.optional("rope.dimension_count", kWidestHead, head_dim);
  if (rope.dims > head_dim || rope.dims % 2 != 0) {
    keys.fail(fmt::format("an even rope.dimension_count up to {}", head_dim), std::to_string(rope.dims),
              kUseAnother);
  }
  rope.base = keys.optional_number("rope.freq_base", 1.0, 1e15, 10000.0);
  const std::string scaling = keys.optional_text("rope.scaling.type", "linear");
  if (scaling != "none" && scaling != "linear") {
    keys.fail("RoPE scaling of type none, linear or by frequency factors", "'" + scaling + "'", kUseAnother);
  }
  if (keys.optional_number("rope.scaling.attn_factor", -1e6, 1e6, 1.0) != 1.0) {
    keys.fail("a rope.scaling.attn_factor of 1", "another", kUseAnother);
  }
  // The second is the key's old name; 0 means none in both.
  const double old_factor = keys.optional_number("rope.scale_linear", 0.0, 1e6, 0.0);
  const double factor = keys.optional_number("rope.scaling.factor", 0.0, 1e6, old_factor);
  rope.freq_scale = scaling == "none" || factor == 0.0 ? 1.0 : 1.0 / factor;
  return rope;
}

int read_vocabulary(const ModelFile& file, const Keys& keys) {
  const auto shape = file.tensor_shape("token_embd.weight");
  const int64_t rows = shape.size() == 2 ? shape[1] : 0;
  if (rows < 1 || rows > std::numeric_limits<int32_t>::max()) {
    keys.fail("token_embd.weight with a row for each token",
              fmt::format("shape [{}]", fmt::join(shape, ", ")), "convert the model again");
  }
  const auto tokens = file.texts("tokenizer.ggml.tokens");
  if (tokens && static_cast<int64_t>(tokens->size()) != rows) {
    keys.fail(fmt::format("token_embd.weight with {} rows, one for each token", tokens->size()),
              std::to_string(rows), "convert the model again");
  }
  return static_cast<int>(rows);
}

}  // namespace

Hyperparameters read_hyperparameters(const ModelFile& file, const std::string& architecture) {
  const Keys keys(file, architecture);
  Hyperparameters read;
  ModelConfig& config = read.config;
  config.architecture = architecture;
  config.layers = keys.required("block_count", kMostLayers);
  config.hidden = keys.required("embedding_length", kWidest);
  config.context_length = keys.required("context_length", std::numeric_limits<int32_t>::max());
  if (file.integer(architecture + ".expert_count").value_or(0) > 0) {
    keys.fail("a dense model", "a mixture of experts", kUseAnother);
  }
  read.feed_forward = keys.required("feed_forward_length", kWidest);
  read_heads(keys, config);
  read.rope = read_rope(keys, config.head_dim);
  config.vocabulary = read_vocabulary(file, keys);
  config.sliding_window.assign(static_cast<size_t>(config.layers), 0);
  config.parameters = file.parameters();
  config.weight_bytes = file.weight_bytes();
  return read;
}

float read_epsilon(const ModelFile& file, const std::string& architecture, const std::string& name) {
  return static_cast<float>(file.require_number(architecture + ".attention." + name, 1e-12, 0.1));
}

}  // namespace kvcompress
