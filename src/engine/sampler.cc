#include "engine/sampler.h"

#include <fmt/format.h>
#include <kvcompress/error.h>
#include <llama.h>

#include <algorithm>  // std::max_element
#include <vector>     // std::vector

namespace kvcompress {

namespace {

void check(const char* name, double value, double minimum, double maximum) {
  if (value >= minimum && value <= maximum) return;
  throw UsageError(
      fmt::format("[sampling] expected {} between {} and {}, got {}", name, minimum, maximum, value));
}

}  // namespace

struct Sampler::Chain {
  llama_sampler* sampler;
  std::vector<llama_token_data> candidates;

  explicit Chain(const SamplingOptions& options)
      : sampler(llama_sampler_chain_init(llama_sampler_chain_default_params())) {
    if (options.top_k > 0) llama_sampler_chain_add(sampler, llama_sampler_init_top_k(options.top_k));
    if (options.top_p < 1) {
      llama_sampler_chain_add(sampler, llama_sampler_init_top_p(static_cast<float>(options.top_p), 1));
    }
    if (options.min_p > 0) {
      llama_sampler_chain_add(sampler, llama_sampler_init_min_p(static_cast<float>(options.min_p), 1));
    }
    llama_sampler_chain_add(sampler, llama_sampler_init_temp(static_cast<float>(options.temperature)));
    llama_sampler_chain_add(sampler, llama_sampler_init_dist(options.seed));
  }
  ~Chain() { llama_sampler_free(sampler); }
};

Sampler::Sampler(const SamplingOptions& options) {
  check("temperature", options.temperature, 0, 100);
  check("top-k", options.top_k, 0, 1 << 30);
  check("top-p", options.top_p, 0, 1);
  check("min-p", options.min_p, 0, 1);
  if (!options.greedy && options.temperature > 0) chain_ = std::make_unique<Chain>(options);
}

Sampler::~Sampler() = default;
Sampler::Sampler(Sampler&&) noexcept = default;
Sampler& Sampler::operator=(Sampler&&) noexcept = default;

int32_t Sampler::sample(std::span<const float> logits) {
  if (!chain_) return best_token(logits);
  chain_->candidates.resize(logits.size());
  for (size_t i = 0; i < logits.size(); ++i)
    chain_->candidates[i] = {static_cast<llama_token>(i), logits[i], 0};
  llama_token_data_array array{chain_->candidates.data(), chain_->candidates.size(), -1, false};
  llama_sampler_apply(chain_->sampler, &array);
  return array.data[array.selected].id;
}

int32_t best_token(std::span<const float> logits) {
  return static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
}

}  // namespace kvcompress
