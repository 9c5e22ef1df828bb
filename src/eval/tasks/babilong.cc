// BABILong: bAbI's facts among sentences of books; the answer is one of a few labels.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>   // std::find
#include <filesystem>  // std::filesystem::path

#include "base/nearest_name.h"  // nearest_name
#include "eval/tasks/catalogue.h"
#include "eval/tasks/samples.h"    // SampleCollector, filled, share_of_limit, split_names
#include "eval/tasks/task_data.h"  // Record

namespace kvcompress {
namespace {

const std::vector<std::string>& kinds() {
  static const std::vector<std::string> names = {"qa1", "qa2", "qa3", "qa4", "qa5",
                                                 "qa6", "qa7", "qa8", "qa9", "qa10"};
  return names;
}

void require_kind(const std::string& name) {
  if (std::find(kinds().begin(), kinds().end(), name) != kinds().end()) return;
  throw UsageError(fmt::format("[babilong] expected one of {}, got \"{}\"; did you mean \"{}\"?",
                               fmt::join(kinds(), ", "), name, nearest_name(name, kinds())));
}

// The part of `text` between two others, of which the first begins it.
std::string between(const Record& record, const std::string& text, std::string_view before,
                    std::string_view after) {
  const size_t end = text.find(after, before.size());
  if (!text.starts_with(before) || end == std::string::npos) {
    record.fail("question", fmt::format("\"{}...{}\"", before, after), fmt::format("\"{}\"", text));
  }
  return text.substr(before.size(), end - before.size());
}

// The words of the task's own answers up to the label.
std::string answer_start(const std::string& kind, const Record& record, const std::string& question) {
  if (kind == "qa1") {
    return fmt::format("Answer: The most recent location of {} is",
                       between(record, question, "Where is ", "?"));
  }
  if (kind == "qa2")
    return fmt::format("Answer: The {} is in the", between(record, question, "Where is the ", "?"));
  if (kind == "qa3") {
    const std::string item = between(record, question, "Where was the ", " before the ");
    const std::string place =
        between(record, question, fmt::format("Where was the {} before the ", item), "?");
    return fmt::format("Answer: Before the {} the {} was in the", place, item);
  }
  return "Answer:";
}

std::string without_end_spaces(std::string text) {
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

struct Prompt {
  std::string before, after;  // of the record's text, both in the context
  std::vector<std::string> labels;
};

Prompt read_prompt(const std::string& path, const std::string& kind) {
  const Record file = read_json_object(path);
  const Record parts = file.object("prompts").object(kind.c_str());
  std::string text = file.text("template");
  const size_t question = text.find("\n\nQuestion: {question}");
  const size_t context = text.find("{context}");
  if (question == std::string::npos || context == std::string::npos || context > question) {
    file.fail("template", "\"{context}\" and after it a paragraph \"Question: {question}\"", "none");
  }
  Prompt prompt{text.substr(0, context), text.substr(context + 9, question - context - 9), {}};
  for (const char* part : {"instruction", "examples", "post_prompt"}) {
    prompt.before = filled(prompt.before, part, parts.text(part));
  }
  prompt.labels = file.object("labels").texts(kind.c_str());
  return prompt;
}

TaskSample make_sample(const Prompt& prompt, const std::string& kind, const Record& record) {
  const std::string asked = without_end_spaces(record.text("question"));
  const std::string target = record.text("target");
  TaskQuestion question;
  question.text = fmt::format("\n\nQuestion: {}\n{}", asked, answer_start(kind, record, asked));
  question.reference = " " + target;
  question.expected = split_names(target);
  question.until = ".";
  question.max_tokens = 12;
  // Several things at once ("apple,milk") are no label: such an answer is scored as text only.
  if (question.expected.size() == 1) {
    if (std::find(prompt.labels.begin(), prompt.labels.end(), target) == prompt.labels.end()) {
      record.fail("target", fmt::format("one of the labels {}", fmt::join(prompt.labels, ", ")),
                  fmt::format("\"{}\"", target));
    }
    for (const std::string& label : prompt.labels) question.labels.push_back(" " + label);
  }
  TaskSample sample;
  sample.context = prompt.before + record.text("input") + prompt.after;
  sample.questions = {std::move(question)};
  return sample;
}

// In the folder itself, or in the one whose name ("2k") is the largest that is not over the length.
std::string choose_file(const TaskSettings& settings, const std::string& kind) {
  const std::string name = kind + ".jsonl";
  require_data(settings.data);
  if (!settings.data.empty() && is_file(fmt::format("{}/{}", settings.data, name))) {
    return fmt::format("{}/{}", settings.data, name);
  }
  for (int64_t thousands = settings.length / 1000; thousands > 0; thousands--) {
    if (auto path = look_for(settings.data, "babilong", fmt::format("{}k/{}", thousands, name))) return *path;
  }
  return find_data(settings.data, "babilong", "0k/" + name);
}

void read(const std::string& path, const std::string& kind, const TaskSettings& settings,
          const TokenCounter& count, std::vector<TaskSample>& out) {
  TaskSettings unbounded = settings;
  unbounded.length = 0;  // it chose the folder; the records' own lengths are near its name only
  SampleCollector samples(unbounded, count);
  const Prompt prompt = read_prompt(find_data(path, "babilong", "prompts.json"), kind);
  int64_t index = 0;
  for (const Record& record : read_json_lines(path)) {
    if (samples.full()) break;
    TaskSample sample = make_sample(prompt, kind, record);
    sample.name = fmt::format("babilong/{}/{}", kind, index++);
    samples.add(std::move(sample));
  }
  for (TaskSample& sample : samples.take(kind)) out.push_back(std::move(sample));
}

class BabiLong : public Task {
 public:
  std::string_view name() const override { return "babilong"; }
  std::string_view summary() const override {
    return "facts among sentences of books, answers chosen among labels; the length chooses the folder (0k, "
           "1k, ...)";
  }
  std::string_view variants() const override { return "qa1 to qa10; qa1 when none is named"; }
  std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const override {
    check_settings(settings);
    std::vector<TaskSample> samples;
    if (is_file(settings.data)) {
      const std::string kind = std::filesystem::path(settings.data).stem().string();
      require_kind(kind);
      read(settings.data, kind, settings, count, samples);
      return samples;
    }
    const auto chosen = split_names(settings.variant.empty() ? "qa1" : settings.variant);
    for (const std::string& kind : chosen) require_kind(kind);
    for (size_t i = 0; i < chosen.size(); i++) {
      TaskSettings own = settings;
      own.limit = share_of_limit(settings.limit, i, chosen.size());
      if (settings.limit > 0 && own.limit == 0) break;
      read(choose_file(own, chosen[i]), chosen[i], own, count, samples);
    }
    return samples;
  }
};

}  // namespace

const Task& babilong_task() {
  static const BabiLong task;
  return task;
}

}  // namespace kvcompress
