// libllama as the oracle: logits of every token of a text, from a float32 cache without flash attention.
#pragma once

#include <llama.h>

#include <memory>     // std::unique_ptr
#include <span>       // std::span
#include <stdexcept>  // std::runtime_error
#include <string>     // std::string
#include <vector>     // std::vector

#include "model/llama_runtime.h"  // start_llama

namespace kvcompress::test {

class Oracle {
 public:
  explicit Oracle(const std::string& path, int threads = 1) {
    start_llama();
    llama_model_params model_params = llama_model_default_params();
    model_params.use_extra_bufts = false;
    model_.reset(llama_model_load_from_file(path.c_str(), model_params));
    if (!model_) throw std::runtime_error("libllama refuses " + path + ": " + take_llama_error());
    llama_context_params params = llama_context_default_params();
    params.n_ctx = params.n_batch = params.n_ubatch = 512;
    params.n_threads = params.n_threads_batch = threads;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.no_perf = true;
    context_.reset(llama_init_from_model(model_.get(), params));
    if (!context_) throw std::runtime_error("libllama makes no context of " + path);
  }

  // [tokens][vocabulary], all tokens in one batch of an empty cache.
  std::vector<float> logits(std::span<const int32_t> tokens) {
    const auto count = static_cast<int32_t>(tokens.size());
    llama_memory_clear(llama_get_memory(context_.get()), true);
    llama_batch batch = llama_batch_init(count, 0, 1);
    batch.n_tokens = count;
    for (int32_t i = 0; i < count; ++i) {
      batch.token[i] = tokens[static_cast<size_t>(i)];
      batch.pos[i] = i;
      batch.n_seq_id[i] = 1;
      batch.seq_id[i][0] = 0;
      batch.logits[i] = 1;
    }
    const int status = llama_decode(context_.get(), batch);
    llama_batch_free(batch);
    if (status != 0) throw std::runtime_error("llama_decode gives " + std::to_string(status));
    const size_t vocabulary = static_cast<size_t>(llama_vocab_n_tokens(llama_model_get_vocab(model_.get())));
    const float* first = llama_get_logits(context_.get());
    return {first, first + vocabulary * tokens.size()};
  }

 private:
  struct Free {
    void operator()(llama_model* model) const { llama_model_free(model); }
    void operator()(llama_context* context) const { llama_free(context); }
  };
  std::unique_ptr<llama_model, Free> model_;
  std::unique_ptr<llama_context, Free> context_;
};

}  // namespace kvcompress::test
