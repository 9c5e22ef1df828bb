#include <algorithm>  // std::all_of, std::any_of, std::find, std::max
#include <cctype>     // std::isalnum, std::isdigit, std::tolower
#include <limits>     // std::numeric_limits

#include "eval/tasks/task.h"  // TaskQuestion, TaskSample

namespace kvcompress {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

std::string_view trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

bool is_digit(char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; }
bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0; }

// Whether `text` holds `part` where `joins(a, b)` of the characters on either side of each end is false: what
// would make the find a piece of something longer. Both in small letters.
template <typename Joins>
bool holds(std::string_view text, std::string_view part, Joins joins) {
  if (part.empty()) return false;
  for (size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    const size_t end = at + part.size();
    const bool before = at > 0 && joins(text[at - 1], part.front());
    const bool after = end < text.size() && joins(part.back(), text[end]);
    if (!before && !after) return true;
  }
  return false;
}

bool holds_string(std::string_view text, std::string_view part) {
  return holds(text, part, [](char a, char b) { return is_digit(a) && is_digit(b); });
}

bool holds_word(std::string_view text, std::string_view word) {
  return holds(text, word, [](char a, char b) { return is_word(a) && is_word(b); });
}

double score_labels(const TaskQuestion& question, const std::string& answer) {
  const std::string asked = lower(question.text);
  std::vector<std::string> expected;
  for (const std::string& label : question.expected) expected.push_back(lower(trimmed(label)));
  for (const std::string& label : question.labels) {
    const std::string name = lower(trimmed(label));
    const bool wanted = std::find(expected.begin(), expected.end(), name) != expected.end();
    if (!wanted && holds_word(asked, name)) continue;
    if (wanted != holds_word(answer, name)) return 0;
  }
  return 100;
}

}  // namespace

double score_answer(const TaskQuestion& question, std::string_view generated) {
  if (question.expected.empty()) return std::numeric_limits<double>::quiet_NaN();
  if (!question.until.empty()) generated = generated.substr(0, generated.find(question.until));
  const std::string answer = lower(generated);
  if (!question.labels.empty()) return score_labels(question, answer);
  size_t found = 0;
  for (const std::string& part : question.expected) found += holds_string(answer, lower(trimmed(part)));
  if (question.any) return found > 0 ? 100 : 0;
  return 100.0 * static_cast<double>(found) / static_cast<double>(question.expected.size());
}

int64_t sample_tokens(const TaskSample& sample, const TokenCounter& count) {
  int64_t longest = 0;
  for (const TaskQuestion& question : sample.questions) {
    int64_t reference = count(question.reference);
    if (question.reference_tokens > 0) reference = std::min(reference, question.reference_tokens);
    const int64_t room = question.expected.empty() ? 0 : question.max_tokens;
    longest = std::max(longest, count(question.text) + std::max(reference, room));
  }
  return count(sample.context) + longest;
}

int64_t question_count(const std::vector<TaskSample>& samples) {
  int64_t questions = 0;
  for (const TaskSample& sample : samples) questions += static_cast<int64_t>(sample.questions.size());
  return questions;
}

}  // namespace kvcompress
