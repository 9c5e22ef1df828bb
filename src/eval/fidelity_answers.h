// Greedy answers of several caches to one prompt, side by side with the full cache's.
#pragma once

#include <memory>  // std::unique_ptr
#include <vector>  // std::vector

#include "engine/engine.h"    // Engine, Sequence
#include "eval/fidelity.h"    // FidelityAnswer
#include "eval/row_scorer.h"  // RowScorer

namespace kvcompress {

// A cache that is fed the full cache's answer and, once it would write another token, writes its own on a
// fork.
struct Follower {
  std::unique_ptr<Sequence> sequence, own;  // own: null until the answers differ
  std::vector<float> logits, own_logits;    // [vocabulary] of the next token
  FidelityAnswer answer;
  bool ended = false;  // its own answer is complete
};

class AnswerWriter {
 public:
  AnswerWriter(Engine& engine, int64_t predict)
      : engine_(engine),
        scorer_(engine.threads(), engine.config().vocabulary),
        vocabulary_(static_cast<size_t>(engine.config().vocabulary)),
        predict_(predict) {}

  // followers[0] is the full cache. All have read the prompt.
  void write(std::vector<Follower>& followers);

 private:
  bool full_step(std::vector<Follower>& followers);
  void own_token(Follower& follower);
  void decode(std::vector<Follower>& followers, bool full_goes_on);

  Engine& engine_;
  RowScorer scorer_;
  size_t vocabulary_;
  int64_t predict_;
  std::vector<float> rows_;
};

}  // namespace kvcompress
