#include "eval/token_score.h"

#include <kvcompress/error.h>  // InputError

#include <algorithm>  // std::nth_element
#include <cmath>      // std::exp
#include <numeric>    // std::accumulate

namespace kvcompress {

LogitsRow reduce(std::span<const float> logits) {
  LogitsRow row{.logits = logits};
  float maximum = logits[0];
  for (size_t i = 0; i < logits.size(); i++) {
    row.finite = row.finite && std::isfinite(logits[i]);
    if (logits[i] > maximum) {
      maximum = logits[i];
      row.best = static_cast<int32_t>(i);
    }
  }
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - maximum);
  row.log_sum_exp = maximum + std::log(sum);
  return row;
}

double negative_log_likelihood(const LogitsRow& row, int32_t token) {
  return row.log_sum_exp - row.logits[static_cast<size_t>(token)];
}

double kl_divergence(const LogitsRow& full, const LogitsRow& other) {
  const float shift = static_cast<float>(full.log_sum_exp);
  double sum = 0, mass = 0;
  for (size_t i = 0; i < full.logits.size(); i++) {
    const double p = std::exp(full.logits[i] - shift);
    mass += p;
    sum += p * (static_cast<double>(full.logits[i]) - other.logits[i]);
  }
  // Dividing by the mass takes out the rounding of `shift`, which would show where the two rows are nearly
  // equal.
  return std::max(0.0, sum / mass - (full.log_sum_exp - other.log_sum_exp));
}

void ScoreSums::add(const LogitsRow& row, int32_t next_token) {
  if (!row.finite) {
    throw InputError(
        "[logits] expected finite numbers, got an infinity or NaN; the model file may be damaged");
  }
  tokens++;
  correct += row.best == next_token;
  negative_log_likelihood += kvcompress::negative_log_likelihood(row, next_token);
}

void ScoreSums::compare(const LogitsRow& full, const LogitsRow& row, double divergence) {
  agreed += full.best == row.best;
  divergences.push_back(static_cast<float>(divergence));
}

double ScoreSums::perplexity() const {
  return std::exp(negative_log_likelihood / static_cast<double>(tokens));
}

double ScoreSums::accuracy() const { return static_cast<double>(correct) / static_cast<double>(tokens); }

double ScoreSums::kl_mean() const {
  return std::accumulate(divergences.begin(), divergences.end(), 0.0) /
         static_cast<double>(divergences.size());
}

double ScoreSums::kl_quantile(double share) const {
  std::vector<float> sorted = divergences;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  const auto place = sorted.begin() + static_cast<std::ptrdiff_t>(std::max<size_t>(rank, 1) - 1);
  std::nth_element(sorted.begin(), place, sorted.end());
  return *place;
}

double ScoreSums::top1_agreement() const {
  return static_cast<double>(agreed) / static_cast<double>(divergences.size());
}

}  // namespace kvcompress
