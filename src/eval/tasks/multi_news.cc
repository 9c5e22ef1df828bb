// LongBench's multi_news, as the loss of the reference summary's first tokens.
#include <fmt/format.h>  // fmt::format

#include "eval/tasks/catalogue.h"
#include "eval/tasks/samples.h"    // SampleCollector
#include "eval/tasks/task_data.h"  // Record

namespace kvcompress {
namespace {

constexpr int64_t kReferenceTokens = 200;

class MultiNews : public Task {
 public:
  std::string_view name() const override { return "multi_news"; }
  std::string_view summary() const override {
    return "news articles; the log-probability of the first 200 tokens of their reference summary";
  }
  std::string_view variants() const override { return ""; }
  std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const override {
    require_data(settings.data);
    const std::string path =
        is_file(settings.data) ? settings.data : find_data(settings.data, "longbench", "multi_news.jsonl");
    const Record prompts = read_json_object(find_data(path, "longbench", "dataset2prompt.json"));
    const std::string prompt = prompts.text("multi_news");
    const size_t slot = prompt.find("{context}");
    if (slot == std::string::npos) prompts.fail("multi_news", "a text with \"{context}\" in it", "none");
    SampleCollector samples(settings, count);
    int64_t index = 0;
    for (const Record& record : read_json_lines(path)) {
      if (samples.full()) break;
      TaskQuestion question;
      question.text = prompt.substr(slot + 9);
      question.reference = " " + record.texts("answers").front();
      question.reference_tokens = kReferenceTokens;
      TaskSample sample{
          fmt::format("multi_news/{}", index++), prompt.substr(0, slot) + record.text("context"), {}};
      sample.questions = {std::move(question)};
      samples.add(std::move(sample));
    }
    return samples.take(name());
  }
};

}  // namespace

const Task& multi_news_task() {
  static const MultiNews task;
  return task;
}

}  // namespace kvcompress
