// Scores rows of logits on the engine's threads, each method's row against the full cache's row of the same
// token.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "compute/thread_pool.h"  // ThreadPool
#include "eval/token_score.h"     // LogitsRow, ScoreSums

namespace kvcompress {

class RowScorer {
 public:
  RowScorer(ThreadPool& pool, int vocabulary) : pool_(pool), vocabulary_(static_cast<size_t>(vocabulary)) {}

  // logits: [next_tokens.size()][vocabulary]; must live until the last compare() with it.
  void reference(std::span<const int32_t> next_tokens, const float* logits, ScoreSums& sums);
  // The rows of another cache for the same tokens.
  void compare(std::span<const int32_t> next_tokens, const float* logits, ScoreSums& sums);

 private:
  std::span<const float> row(const float* logits, size_t index) const {
    return {logits + index * vocabulary_, vocabulary_};
  }

  ThreadPool& pool_;
  size_t vocabulary_;
  std::vector<LogitsRow> full_, other_;
  std::vector<double> divergences_;
};

}  // namespace kvcompress
