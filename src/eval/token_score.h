// What one row of logits says about the token that really came next, and how far it is from the full cache's
// row.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace kvcompress {

// A row of logits, reduced once so that several comparisons can share it.
struct LogitsRow {
  std::span<const float> logits;  // [vocabulary]
  bool finite = true;             // the other fields mean nothing when it is not
  int32_t best = 0;               // the lowest index of the largest logit
  double log_sum_exp = 0;
};

LogitsRow reduce(std::span<const float> logits);

double negative_log_likelihood(const LogitsRow& row, int32_t token);  // in nats
double kl_divergence(const LogitsRow& full, const LogitsRow& other);  // KL(full || other), in nats

// Sums over scored tokens of one recipe.
struct ScoreSums {
  int64_t tokens = 0, correct = 0;
  double negative_log_likelihood = 0;
  // Against the full cache; `divergences` is empty for the full cache itself.
  int64_t agreed = 0;
  std::vector<float> divergences;

  // Throws InputError when a logit is not finite: the model is broken, and no figure would mean anything.
  void add(const LogitsRow& row, int32_t next_token);
  void compare(const LogitsRow& full, const LogitsRow& row, double divergence);

  double perplexity() const;
  double accuracy() const;
  double kl_mean() const;
  double kl_quantile(double share) const;  // the smallest value that `share` of the tokens do not exceed
  double top1_agreement() const;
};

}  // namespace kvcompress
