#include "eval/task_prompt.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError

#include <algorithm>  // std::max

namespace kvcompress {
namespace {

// Stands for the user's message in a rendered template; no template changes or repeats it.
constexpr const char* kMessage = "kvcompress-message";

void append(std::vector<int32_t>& to, const std::vector<int32_t>& from) {
  to.insert(to.end(), from.begin(), from.end());
}

}  // namespace

int64_t SampleTokens::longest() const {
  int64_t most = 0;
  for (const QuestionTokens& question : questions) {
    most = std::max(most, static_cast<int64_t>(question.text.size()) + question.answer_room);
  }
  return static_cast<int64_t>(context.size()) + most;
}

TaskPrompter::TaskPrompter(const Vocabulary& vocabulary, bool chat) : vocabulary_(vocabulary), chat_(chat) {
  std::string before, after;
  if (chat) {
    const ChatMessage message{"user", kMessage};
    const std::string text = vocabulary.apply_chat_template({&message, 1}, /*add_assistant=*/true);
    const size_t at = text.find(kMessage);
    if (at == std::string::npos) {
      throw InputError("[--chat] expected a chat template that shows the message, got one that does not");
    }
    before = text.substr(0, at);
    after = text.substr(at + std::string_view(kMessage).size());
  }
  before_ = vocabulary.tokenize(before, /*add_special=*/true, /*parse_special=*/true);
  after_ = vocabulary.tokenize(after, /*add_special=*/false, /*parse_special=*/true);
}

SampleTokens TaskPrompter::tokens(const TaskSample& sample) const {
  SampleTokens result{before_, {}};
  append(result.context,
         vocabulary_.tokenize(sample.context, /*add_special=*/false, /*parse_special=*/false));
  for (const TaskQuestion& asked : sample.questions) result.questions.push_back(question(asked));
  if (result.context.empty()) {
    throw InputError(fmt::format("[{}] expected a context, got an empty one", sample.name));
  }
  return result;
}

std::vector<int32_t> TaskPrompter::prompt(const std::string& text) const {
  std::vector<int32_t> tokens = before_;
  append(tokens, vocabulary_.tokenize(text, /*add_special=*/false, /*parse_special=*/false));
  append(tokens, after_);
  return tokens;
}

QuestionTokens TaskPrompter::question(const TaskQuestion& question) const {
  QuestionTokens result;
  result.text = vocabulary_.tokenize(question.text, /*add_special=*/false, /*parse_special=*/false);
  append(result.text, after_);
  result.reference = answer(question.reference);
  if (question.reference_tokens > 0) {
    const auto most = static_cast<size_t>(question.reference_tokens);
    result.reference.resize(std::min(result.reference.size(), most));
  }
  if (result.text.empty() || result.reference.empty()) {
    throw InputError("[question] expected a text and a reference of at least a token each, got none");
  }
  result.answer_room = static_cast<int64_t>(result.reference.size());
  if (!question.expected.empty()) {
    result.answer_room = std::max<int64_t>(result.answer_room, question.max_tokens);
  }
  for (size_t i = 0; i < question.labels.size(); i++) {
    if (question.labels[i] == question.reference) result.right_label = static_cast<int64_t>(i);
    result.labels.push_back(answer(question.labels[i]));
    result.answer_room = std::max(result.answer_room, static_cast<int64_t>(result.labels.back().size()));
  }
  return result;
}

// An answer that begins a message has no space before it.
std::vector<int32_t> TaskPrompter::answer(const std::string& text) const {
  const bool spaced = chat_ && text.size() > 1 && text[0] == ' ';
  return vocabulary_.tokenize(spaced ? text.substr(1) : text, /*add_special=*/false, /*parse_special=*/false);
}

}  // namespace kvcompress
