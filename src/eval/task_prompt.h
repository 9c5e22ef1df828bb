// The tokens of a sample: what is compressed, what is asked, and what an answer is measured by.
#pragma once

#include <cstdint>  // int32_t
#include <string>   // std::string
#include <vector>   // std::vector

#include "eval/tasks/task.h"   // TaskSample
#include "model/vocabulary.h"  // Vocabulary

namespace kvcompress {

struct QuestionTokens {
  std::vector<int32_t> text;       // at least one
  std::vector<int32_t> reference;  // cut to TaskQuestion::reference_tokens; at least one
  std::vector<std::vector<int32_t>> labels;
  int64_t right_label = -1;  // of labels, the one that is the reference
  int64_t answer_room = 0;   // tokens that the longest of reference, labels and answer takes
};

struct SampleTokens {
  std::vector<int32_t> context;  // with BOS where the model adds it; at least one
  std::vector<QuestionTokens> questions;
  int64_t longest() const;  // positions that the context and its longest question and answer take
};

// Cuts prompts the way one call asks for. Text that looks like a special token stays text.
class TaskPrompter {
 public:
  // chat: UsageError when the model has no chat template.
  TaskPrompter(const Vocabulary& vocabulary, bool chat);

  SampleTokens tokens(const TaskSample& sample) const;
  std::vector<int32_t> prompt(const std::string& text) const;  // a whole prompt, nothing asked after it

 private:
  QuestionTokens question(const TaskQuestion& question) const;
  std::vector<int32_t> answer(const std::string& text) const;

  const Vocabulary& vocabulary_;
  bool chat_;
  std::vector<int32_t> before_, after_;  // the template's own, around the user's message
};

}  // namespace kvcompress
