// Tiny random models as real GGUF files: libllama loads them, so it can be the oracle. The same settings give
// the same bytes.
//
//   TemporaryFolder folder;
//   const std::string path = folder.file("tiny.gguf");
//   write_tiny_gguf({.architecture = "qwen3", .query_heads = 8, .kv_heads = 1}, path);
#pragma once

#include <ggml.h>

#include <cstdint>  // uint64_t
#include <string>   // std::string

namespace kvcompress::test {

struct TinyModel {
  std::string architecture = "llama";  // llama, qwen2, qwen3, gemma3, gptneox
  int layers = 2;
  int query_heads = 3, kv_heads = 1, head_dim = 64;
  int hidden = 0;  // 0: query_heads * head_dim, the only choice for qwen2 and gptneox (libllama's rule)
  int feed_forward = 160;
  int context_length = 512;
  ggml_type type =
      GGML_TYPE_F32;      // of the matrices whose width is a multiple of its block; the others are F16
  bool expanded = false;  // the matrices have the values of `type`, stored as F32
  bool tied = false;      // no output.weight; gptneox cannot
  double rope_base = 10000.0;
  int rotary_dims = 0;             // 0: the whole head; less only for gptneox
  std::string rope_scaling = {};   // rope.scaling.type, empty: no key
  double rope_factor = 0.0;        // rope.scaling.factor, 0: no key
  bool rope_frequencies = false;   // llama: rope_freqs.weight as in Llama 3
  bool projection_biases = false;  // llama: biases on all attention products
  int sliding_window = 0;          // gemma3
  int window_period = 0;           // gemma3: every such layer is global; 0: no key (libllama's default, 6)
  double logit_cap = 0.0;          // gemma3
  bool parallel_residual = true;   // gptneox
  bool sentence_piece = false;     // tokenizer "llama" (adds BOS) instead of "gpt2"; gemma3 has it always
  uint64_t seed = 1;
};

// Tokens of every tiny model: 3 special ones, the 256 bytes and some words.
inline constexpr int kTinyVocabulary = 288;

// Throws std::runtime_error when the file cannot be written.
void write_tiny_gguf(const TinyModel& model, const std::string& path);

}  // namespace kvcompress::test
