#include "eval/task_result.h"

namespace kvcompress {
namespace {

// figure(question) is NaN for a question that does not have it.
template <typename Figure>
double mean(const std::vector<QuestionResult>& questions, Figure figure) {
  double sum = 0;
  int64_t count = 0;
  for (const QuestionResult& question : questions) {
    const double value = figure(question);
    if (std::isnan(value)) continue;
    sum += value;
    count++;
  }
  return count > 0 ? sum / static_cast<double>(count) : QuestionResult::kNone;
}

}  // namespace

double TaskResult::score(const Questions& of) {
  return mean(of, [](const QuestionResult& question) { return question.score; });
}

double TaskResult::hit(const Questions& of) {
  return mean(of, [](const QuestionResult& question) {
    if (std::isnan(question.score)) return QuestionResult::kNone;
    return question.score >= 100 ? 1.0 : 0.0;
  });
}

double TaskResult::log_probability(const Questions& of) {
  return mean(of, [](const QuestionResult& question) { return question.per_token(); });
}

double TaskResult::exact(const Questions& of) {
  return mean(of, [](const QuestionResult& question) { return question.exact ? 1.0 : 0.0; });
}

double TaskResult::accuracy(const Questions& of) {
  return mean(of, [](const QuestionResult& question) { return question.label_right; });
}

int64_t TaskResult::tokens(const Questions& of) {
  int64_t sum = 0;
  for (const QuestionResult& question : of) sum += question.tokens;
  return sum;
}

}  // namespace kvcompress
