// Picks the next token from logits: greedy, or libllama's top-k, top-p, min-p and temperature chain.
#pragma once

#include <cstdint>  // int32_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span

namespace kvcompress {

struct SamplingOptions {
  bool greedy = false;
  double temperature = 0.8;  // 0 is greedy
  int top_k = 40;            // 0: all tokens
  double top_p = 0.95;       // 1: off
  double min_p = 0.05;       // 0: off
  uint32_t seed = 0;
};

class Sampler {
 public:
  // Throws UsageError for values out of their range.
  explicit Sampler(const SamplingOptions& options);
  ~Sampler();
  Sampler(Sampler&&) noexcept;
  Sampler& operator=(Sampler&&) noexcept;

  int32_t sample(std::span<const float> logits);

 private:
  struct Chain;
  std::unique_ptr<Chain> chain_;  // null when greedy
};

// Index of the largest logit, the lower one of equals.
int32_t best_token(std::span<const float> logits);

}  // namespace kvcompress
