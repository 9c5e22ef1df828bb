// What the evaluation tasks are: texts with questions whose answers stand in the text. Pure functions of
// data, settings and a tokenizer's counts; nothing here knows a model or a cache.
//
// A sample is one context with one or more questions on it, so that reading (and compressing) the context is
// paid once. `context` + `text` is the prompt; the two are tokenised apart, because the question comes after
// the compression by default.
#pragma once

#include <cstdint>      // int64_t, uint64_t
#include <functional>   // std::function
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

struct TaskQuestion {
  std::string text;       // follows the context; ends with the answer's first words ("... The pass key is")
  std::string reference;  // the right answer as it continues the text, with its leading space; never empty
  int64_t reference_tokens = 0;  // of the reference, how many tokens are measured, from its first; 0: all
  // Strings a generated answer must hold; the share of them found is its score. Empty: the question is
  // measured by the log-probability of its reference alone, nothing is generated.
  std::vector<std::string> expected;
  bool any = false;  // one of `expected` is enough
  // Not empty: the answer is the one of these with the highest summed log-probability. Each continues the
  // text as the reference does, which is one of them.
  std::vector<std::string> labels;
  std::string until;  // a generated answer ends before this string; empty: at max_tokens
  int max_tokens = 32;
  double depth_percent = -1;  // where in the context the fact stands, 0 to 100; -1: nowhere or unknown
};

struct TaskSample {
  std::string name;  // unique within a task's samples, the same for the same settings
  std::string context;
  std::vector<TaskQuestion> questions;  // at least one
};

struct TaskSettings {
  std::string data;       // --data DIR|FILE; a folder is the task's own or the one that holds all of them
  int64_t length = 0;     // most tokens of a sample (sample_tokens below); 0: the task's own
  int64_t limit = 0;      // questions in all; 0: all that the data hold, or the task's own number
  int64_t lines = 0;      // longeval: how many lines of a record stay; 0: all, or as many as `length` allows
  int64_t questions = 0;  // on one context, where a task can choose; 0: the task's own number
  std::vector<double> depths;  // percent; where passkeys and single needles stand; empty: the task's own
  uint64_t seed = 0;
  std::string variant;  // sub-tasks, names with commas between them ("niah_single_1,vt"); empty: the default
};

// Tokens of a text by the model's tokenizer, without BOS.
using TokenCounter = std::function<int64_t(std::string_view)>;

class Task {
 public:
  virtual ~Task() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view summary() const = 0;   // one line
  virtual std::string_view variants() const = 0;  // what settings.variant may say; empty: nothing
  // A pure function of the files and its arguments. Throws UsageError for settings that cannot be met,
  // InputError (file, line, field) for data that are not what they should be.
  virtual std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const = 0;
};

// Throws UsageError that names the nearest task.
const Task& find_task(std::string_view name);
std::vector<std::string> task_names();

// 0 to 100: the share of question.expected that the answer holds, or 100 for any of them when question.any.
// Letter case is ignored; a number is held only as a whole ("74" not by "1742"). A question with labels: 100
// when, of the labels the question itself does not name, the answer holds those expected and no other. NaN
// when nothing is expected.
double score_answer(const TaskQuestion& question, std::string_view generated);

// What a sample takes of a model's positions: its context, its longest question, and the longer of that one's
// answer and room for an answer. TaskSettings::length bounds it.
int64_t sample_tokens(const TaskSample& sample, const TokenCounter& count);

// Questions of all samples together.
int64_t question_count(const std::vector<TaskSample>& samples);

}  // namespace kvcompress
