#include "eval/row_scorer.h"

namespace kvcompress {

void RowScorer::reference(std::span<const int32_t> next_tokens, const float* logits, ScoreSums& sums) {
  full_.resize(next_tokens.size());
  pool_.parallel_for(static_cast<int64_t>(full_.size()),
                     [&](int64_t i, int) { full_[i] = reduce(row(logits, static_cast<size_t>(i))); });
  for (size_t i = 0; i < full_.size(); i++) sums.add(full_[i], next_tokens[i]);
}

void RowScorer::compare(std::span<const int32_t> next_tokens, const float* logits, ScoreSums& sums) {
  other_.resize(next_tokens.size());
  divergences_.resize(next_tokens.size());
  pool_.parallel_for(static_cast<int64_t>(other_.size()), [&](int64_t i, int) {
    other_[i] = reduce(row(logits, static_cast<size_t>(i)));
    divergences_[i] = kl_divergence(full_[i], other_[i]);
  });
  for (size_t i = 0; i < other_.size(); i++) {
    sums.add(other_[i], next_tokens[i]);
    sums.compare(full_[i], other_[i], divergences_[i]);
  }
}

}  // namespace kvcompress
