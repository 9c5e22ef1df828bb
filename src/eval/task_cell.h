// One recipe of a task run: what it has answered so far and what that cost.
#pragma once

#include <vector>  // std::vector

#include "engine/engine.h"        // Engine
#include "eval/question_asker.h"  // QuestionAsker, PendingQuestion
#include "eval/task_result.h"     // TaskResult

namespace kvcompress {

class TaskCell {
 public:
  TaskCell(Engine& engine, EvaluatedRecipe evaluated);

  const Recipe& recipe() const { return evaluated_.recipe; }

  // A prompt has been read and compressed. read_s: of the reading, compression left out; peak: the most bytes
  // that were held until now.
  void note_prompt(const Sequence& sequence, double read_s, size_t peak);
  // Asks questions that have been read, all of one sample. Their sequences end with it.
  void ask(std::vector<PendingQuestion> pending, const TaskSample& sample, const SampleTokens& tokens);

  const std::vector<QuestionResult>& questions() const { return questions_; }
  TaskResult result() const;  // without `asked` and `full`, which the cells of a run share

 private:
  void note_kept(const Sequence& sequence);

  Engine& engine_;
  EvaluatedRecipe evaluated_;
  QuestionAsker asker_;
  std::vector<QuestionResult> questions_;
  CacheReceipt cache_;  // sums over prompts (bytes_prompt) or questions (the others)
  int64_t prompts_ = 0;
  size_t peak_ = 0;  // of the prompt at hand
  double read_s_ = 0, compress_s_ = 0;
  KeptShares kept_;  // sums over prompts
};

}  // namespace kvcompress
