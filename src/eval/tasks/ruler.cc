#include "eval/tasks/ruler.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError, UsageError

#include <algorithm>   // std::max
#include <filesystem>  // std::filesystem::path

#include "base/nearest_name.h"     // nearest_name
#include "eval/tasks/catalogue.h"  // ruler_task
#include "eval/tasks/task_data.h"  // Record

namespace kvcompress {
namespace {

constexpr RulerTask kTasks[] = {
    {"niah_single_1", 1, 128, make_ruler_niah},
    {"niah_single_2", 1, 128, make_ruler_niah},
    {"niah_single_3", 1, 128, make_ruler_niah},
    {"niah_multikey_1", 4, 128, make_ruler_niah},
    {"niah_multikey_2", 8, 128, make_ruler_niah},
    {"niah_multikey_3", 8, 128, make_ruler_niah},
    {"niah_multivalue", 1, 128, make_ruler_niah},
    {"niah_multiquery", 1, 128, make_ruler_niah},
    {"vt", 1, 30, make_ruler_vt},
    {"cwe", 1, 120, make_ruler_cwe},
    {"fwe", 1, 50, make_ruler_fwe},
    {"qa", 8, 32, make_ruler_qa},
};

std::vector<std::string> all_names() {
  std::vector<std::string> names;
  for (const RulerTask& task : kTasks) names.emplace_back(task.name);
  return names;
}

const RulerTask* look_up(std::string_view name) {
  for (const RulerTask& task : kTasks) {
    if (task.name == name) return &task;
  }
  return nullptr;
}

const RulerTask& task_of(std::string_view name) {
  if (const RulerTask* task = look_up(name)) return *task;
  const auto names = all_names();
  throw UsageError(fmt::format("[ruler] expected one of {}, got \"{}\"; did you mean \"{}\"?",
                               fmt::join(names, ", "), name, nearest_name(name, names)));
}

void generate(const RulerTask& task, const TaskSettings& settings, const TokenCounter& count,
              RulerMaterial& material, std::vector<TaskSample>& out) {
  SampleCollector samples(settings, count, 10);
  const int64_t on_one = settings.questions > 0 ? settings.questions : task.questions;
  for (int64_t index = 0; !samples.full(); index++) {
    TaskSample sample = task.make(task, {settings, count, material, index, samples.room(on_one)});
    sample.name = fmt::format("ruler/{}/{}", task.name, index);
    samples.add(std::move(sample));
  }
  for (TaskSample& sample : samples.take(task.name)) out.push_back(std::move(sample));
}

// The question is the last line of `input`; the space after its last word belongs to the answer.
TaskSample from_record(const Record& record, const std::string& name, const TokenCounter& count) {
  std::string input = record.text("input");
  const size_t line = input.rfind('\n');
  if (line == std::string::npos || line == 0) record.fail("input", "a text of several lines", "one line");
  input.erase(input.find_last_not_of(' ') + 1);
  const auto outputs = record.texts("outputs");
  const std::string question = input.substr(line);
  const RulerTask* task = look_up(name);
  const bool any = name.starts_with("qa");
  TaskSample sample;
  sample.context = input.substr(0, line);
  if (outputs.size() == 1 && !any) {
    sample.questions = {copy_question(question, outputs[0], count)};
    const size_t at = sample.context.find(outputs[0]);
    if (at != std::string::npos && name.starts_with("niah")) {
      sample.questions[0].depth_percent =
          100.0 * static_cast<double>(at) / static_cast<double>(sample.context.size());
    }
    return sample;
  }
  const std::string reference =
      any ? outputs[0] : fmt::format("{}", fmt::join(outputs, name == "vt" ? " " : ", "));
  sample.questions = {
      ruler_question(question, " " + reference, outputs, task != nullptr ? task->answer_room : 128)};
  sample.questions[0].any = any;
  return sample;
}

void read(const std::string& path, const TaskSettings& settings, const TokenCounter& count,
          std::vector<TaskSample>& out) {
  const std::string stem = std::filesystem::path(path).stem().string();
  SampleCollector samples(settings, count);
  int64_t index = 0;
  for (const Record& record : read_json_lines(path)) {
    if (samples.full()) break;
    const std::string name = record.text_or("task", stem.c_str());
    TaskSample sample = from_record(record, name, count);
    sample.name = fmt::format("ruler/{}/{}", name, index++);
    samples.add(std::move(sample));
  }
  for (TaskSample& sample : samples.take(stem)) out.push_back(std::move(sample));
}

class Ruler : public Task {
 public:
  std::string_view name() const override { return "ruler"; }
  std::string_view summary() const override {
    return "needles, chains of variables, common words and documents at any length, or RULER's own files";
  }
  std::string_view variants() const override {
    return "niah_single_1 to 3, niah_multikey_1 to 3, niah_multivalue, niah_multiquery, vt, cwe, fwe, qa; "
           "all "
           "of them when none is named";
  }
  std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const override {
    check_settings(settings);
    require_data(settings.data);
    std::vector<TaskSample> samples;
    if (is_file(settings.data)) {
      read(settings.data, settings, count, samples);
      return samples;
    }
    const auto chosen = settings.variant.empty() ? all_names() : split_names(settings.variant);
    for (const std::string& name : chosen) task_of(name);
    RulerMaterial material(settings.data);
    for (size_t i = 0; i < chosen.size(); i++) {
      TaskSettings own = settings;
      own.limit = share_of_limit(settings.limit, i, chosen.size());
      if (settings.limit > 0 && own.limit == 0) break;
      make_one(chosen[i], own, count, material, samples);
    }
    return samples;
  }

 private:
  // A length is made; without one the folder's file of the task is read.
  static void make_one(const std::string& name, const TaskSettings& settings, const TokenCounter& count,
                       RulerMaterial& material, std::vector<TaskSample>& samples) {
    if (settings.length > 0) return generate(task_of(name), settings, count, material, samples);
    const auto file = look_for(settings.data, "ruler/generated", name + ".jsonl");
    if (!file) require_length(name, settings);
    read(*file, settings, count, samples);
  }
};

}  // namespace

const Task& ruler_task() {
  static const Ruler task;
  return task;
}

}  // namespace kvcompress
