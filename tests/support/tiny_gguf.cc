#include "support/tiny_gguf.h"

#include <gguf.h>

#include <cmath>      // std::sqrt
#include <deque>      // std::deque
#include <memory>     // std::unique_ptr
#include <stdexcept>  // std::runtime_error
#include <vector>     // std::vector

#include "support/tiny_vocabulary.h"  // write_tiny_vocabulary

namespace kvcompress::test {
namespace {

// splitmix64, so that files do not depend on the standard library.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15) {}
  // Uniform with mean 0 and deviation 1.
  float next() {
    state_ += 0x9E3779B97F4A7C15;
    uint64_t z = (state_ ^ (state_ >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    const double unit = static_cast<double>((z ^ (z >> 31)) >> 11) / 9007199254740992.0;
    return static_cast<float>((2.0 * unit - 1.0) * 1.7320508);
  }

 private:
  uint64_t state_;
};

class Writer {
 public:
  explicit Writer(const TinyModel& model)
      : model_(model),
        random_(model.seed),
        gguf_(gguf_init_empty()),
        context_(ggml_init({1 << 20, nullptr, true})) {
    if (model_.hidden == 0) model_.hidden = model_.query_heads * model_.head_dim;
    if (model_.architecture == "gemma3") model_.sentence_piece = true;
  }
  ~Writer() {
    gguf_free(gguf_);
    ggml_free(context_);
  }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void write(const std::string& path) {
    metadata();
    write_tiny_vocabulary(gguf_, model_.sentence_piece);
    matrix("token_embd.weight", kTinyVocabulary, model_.hidden, std::sqrt(static_cast<float>(model_.hidden)));
    norm("output_norm", model_.hidden);
    if (!model_.tied) matrix("output.weight", kTinyVocabulary, model_.hidden, 1.0f);
    if (model_.rope_frequencies) rope_frequencies();
    for (int l = 0; l < model_.layers; ++l) layer("blk." + std::to_string(l) + ".");
    if (!gguf_write_to_file(gguf_, path.c_str(), false)) throw std::runtime_error("cannot write " + path);
  }

 private:
  bool is(const char* architecture) const { return model_.architecture == architecture; }
  std::string key(const char* name) const { return model_.architecture + "." + name; }
  void set(const char* name, int value) {
    gguf_set_val_u32(gguf_, key(name).c_str(), static_cast<uint32_t>(value));
  }
  void set(const char* name, double value) {
    gguf_set_val_f32(gguf_, key(name).c_str(), static_cast<float>(value));
  }

  void metadata() {
    gguf_set_val_str(gguf_, "general.architecture", model_.architecture.c_str());
    gguf_set_val_str(gguf_, "general.name", "tiny");
    set("block_count", model_.layers);
    set("context_length", model_.context_length);
    set("embedding_length", model_.hidden);
    set("feed_forward_length", model_.feed_forward);
    set("attention.head_count", model_.query_heads);
    set("attention.head_count_kv", model_.kv_heads);
    set("attention.key_length", model_.head_dim);
    set("attention.value_length", model_.head_dim);
    set("rope.freq_base", model_.rope_base);
    set("rope.dimension_count", model_.rotary_dims != 0 ? model_.rotary_dims : model_.head_dim);
    if (!model_.rope_scaling.empty()) {
      gguf_set_val_str(gguf_, key("rope.scaling.type").c_str(), model_.rope_scaling.c_str());
    }
    if (model_.rope_factor != 0.0) set("rope.scaling.factor", model_.rope_factor);
    set(is("gptneox") ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon", 1e-5);
    if (is("gptneox")) {
      gguf_set_val_bool(gguf_, key("use_parallel_residual").c_str(), model_.parallel_residual);
    }
    if (model_.sliding_window > 0) set("attention.sliding_window", model_.sliding_window);
    if (model_.window_period > 0) set("attention.sliding_window_pattern", model_.window_period);
    if (model_.logit_cap > 0.0) set("final_logit_softcapping", model_.logit_cap);
  }

  void add(const std::string& name, ggml_type type, const std::vector<int64_t>& shape,
           const std::vector<float>& values) {
    ggml_tensor* tensor = ggml_new_tensor(context_, type, static_cast<int>(shape.size()), shape.data());
    ggml_set_name(tensor, name.c_str());
    data_.emplace_back(ggml_nbytes(tensor));
    ggml_quantize_chunk(type, values.data(), data_.back().data(), 0, ggml_nrows(tensor), shape[0], nullptr);
    tensor->data = data_.back().data();
    gguf_add_tensor(gguf_, tensor);
  }

  void vector(const std::string& name, int size, float mean, float deviation) {
    std::vector<float> values(static_cast<size_t>(size));
    for (float& value : values) value = mean + deviation * random_.next();
    add(name, GGML_TYPE_F32, {size}, values);
  }

  static void round_to(ggml_type type, int rows, int columns, std::vector<float>& values) {
    if (type == GGML_TYPE_F32) return;
    std::vector<char> stored(ggml_row_size(type, columns) * static_cast<size_t>(rows));
    ggml_quantize_chunk(type, values.data(), stored.data(), 0, rows, columns, nullptr);
    ggml_get_type_traits(type)->to_float(stored.data(), values.data(), static_cast<int64_t>(values.size()));
  }

  // Entries of deviation gain / sqrt(columns), which keeps the size of what passes through.
  void matrix(const std::string& name, int rows, int columns, float gain) {
    std::vector<float> values(static_cast<size_t>(rows) * static_cast<size_t>(columns));
    const float deviation = gain / std::sqrt(static_cast<float>(columns));
    for (float& value : values) value = deviation * random_.next();
    const bool fits = columns % ggml_blck_size(model_.type) == 0;
    const ggml_type type = fits ? model_.type : GGML_TYPE_F16;
    if (model_.expanded) round_to(type, rows, columns, values);
    add(name, model_.expanded ? GGML_TYPE_F32 : type, {columns, rows}, values);
  }

  void norm(const std::string& name, int size) {
    vector(name + ".weight", size, 1.0f, 0.2f);
    if (is("gptneox")) vector(name + ".bias", size, 0.0f, 0.2f);
  }

  void projection(const std::string& name, int rows, int columns, bool bias, float gain = 1.0f) {
    matrix(name + ".weight", rows, columns, gain);
    if (bias) vector(name + ".bias", rows, 0.0f, 0.2f);
  }

  // Llama 3's smooth step from 1 for the fast channels to 8 for the slow ones.
  void rope_frequencies() {
    const int half = model_.head_dim / 2;
    std::vector<float> factors(static_cast<size_t>(half));
    for (int i = 0; i < half; ++i)
      factors[static_cast<size_t>(i)] = 1.0f + 7.0f * static_cast<float>(i) / static_cast<float>(half);
    add("rope_freqs.weight", GGML_TYPE_F32, {half}, factors);
  }

  void attention(const std::string& prefix) {
    const int hidden = model_.hidden;
    const int query_rows = model_.query_heads * model_.head_dim;
    const int kv_rows = model_.kv_heads * model_.head_dim;
    constexpr float kPeaked = 1.5f;  // so that attention is far from a plain mean
    if (is("gptneox")) {
      projection(prefix + "attn_qkv", query_rows + 2 * kv_rows, hidden, true, kPeaked);
    } else {
      const bool biased = is("qwen2") || model_.projection_biases;
      projection(prefix + "attn_q", query_rows, hidden, biased, kPeaked);
      projection(prefix + "attn_k", kv_rows, hidden, biased, kPeaked);
      projection(prefix + "attn_v", kv_rows, hidden, biased);
    }
    if (is("qwen3") || is("gemma3")) {
      norm(prefix + "attn_q_norm", model_.head_dim);
      norm(prefix + "attn_k_norm", model_.head_dim);
    }
    projection(prefix + "attn_output", hidden, query_rows, is("gptneox") || model_.projection_biases);
  }

  void layer(const std::string& prefix) {
    const bool neox = is("gptneox");
    norm(prefix + "attn_norm", model_.hidden);
    attention(prefix);
    if (is("gemma3")) norm(prefix + "post_attention_norm", model_.hidden);
    norm(prefix + "ffn_norm", model_.hidden);
    if (!neox) projection(prefix + "ffn_gate", model_.feed_forward, model_.hidden, false);
    projection(prefix + "ffn_up", model_.feed_forward, model_.hidden, neox);
    projection(prefix + "ffn_down", model_.hidden, model_.feed_forward, neox);
    if (is("gemma3")) norm(prefix + "post_ffw_norm", model_.hidden);
  }

  TinyModel model_;
  Random random_;
  gguf_context* gguf_;
  ggml_context* context_;
  std::deque<std::vector<char>> data_;  // what the tensors point at
};

}  // namespace

void write_tiny_gguf(const TinyModel& model, const std::string& path) { Writer(model).write(path); }

}  // namespace kvcompress::test
