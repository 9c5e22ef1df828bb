// Asks questions of one cache each: log-probabilities of given continuations, and a greedy answer.
#pragma once

#include <memory>  // std::unique_ptr
#include <span>    // std::span
#include <vector>  // std::vector

#include "engine/engine.h"     // Engine
#include "eval/row_scorer.h"   // RowScorer
#include "eval/task_prompt.h"  // QuestionTokens
#include "eval/task_result.h"  // QuestionResult

namespace kvcompress {

// A question that a sequence has read.
struct PendingQuestion {
  size_t index = 0;  // in the sample
  std::unique_ptr<Sequence> sequence;
  std::vector<float> logits;  // [vocabulary] after the question's last token
};

class QuestionAsker {
 public:
  explicit QuestionAsker(Engine& engine);

  // Reads tokens with the chunks of one Engine::read and returns the logits of the last.
  std::vector<float> read(Sequence& sequence, std::span<const int32_t> tokens);

  // Everything but the answer. Continuations are read on the prefill path from forks.
  QuestionResult measure(const PendingQuestion& pending, const QuestionTokens& tokens);

  // Greedy answers, written together on the decode path; those without `expected` get none. questions: of the
  // sample, results: parallel to `pending`. Sequences are left at the ends of their answers.
  void answer(std::span<PendingQuestion> pending, std::span<const TaskQuestion> questions,
              std::span<QuestionResult> results);

  double decode_s = 0;         // spent in answer()'s steps
  int64_t decoded_tokens = 0;  // by them

 private:
  ScoreSums continuation(const PendingQuestion& pending, std::span<const int32_t> tokens);

  Engine& engine_;
  RowScorer scorer_;
  size_t vocabulary_;
};

}  // namespace kvcompress
