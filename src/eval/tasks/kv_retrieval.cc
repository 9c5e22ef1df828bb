// Values of UUID keys in a JSON object ("lost in the middle"), cut to its first pairs; several keys are asked
// for.
#include <fmt/format.h>  // fmt::format

#include <algorithm>  // std::min

#include "eval/tasks/catalogue.h"
#include "eval/tasks/samples.h"    // SampleCollector, even_spacing, fit_sample
#include "eval/tasks/task_data.h"  // Record

namespace kvcompress {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Prompt {
  std::string before, after;  // of the JSON object; "{key}" stands in the latter, which is the question
};

Prompt read_prompt(const std::string& data) {
  const Record file = read_json_object(find_data(data, "retrieval", "prompts.json"));
  const std::string text = file.text("kv_retrieval");
  constexpr std::string_view kSlot = "{formatted_kv_records}";
  const size_t slot = text.find(kSlot);
  if (slot == std::string::npos || text.find("{key}", slot) == std::string::npos) {
    file.fail("kv_retrieval", "\"{formatted_kv_records}\" and after it \"{key}\"", "none");
  }
  return {text.substr(0, slot), text.substr(slot + kSlot.size())};
}

TaskSample make_sample(const Prompt& prompt, const Pairs& pairs, int64_t shown, int64_t questions,
                       const TokenCounter& count) {
  TaskSample sample;
  sample.context = prompt.before;
  std::vector<size_t> offsets;
  for (size_t i = 0; i < static_cast<size_t>(shown); i++) {
    offsets.push_back(sample.context.size());
    sample.context += fmt::format("{}\"{}\": \"{}\"", i == 0 ? "{" : ",\n ", pairs[i].first, pairs[i].second);
  }
  sample.context += '}';
  for (const int64_t index : even_spacing(questions, shown)) {
    const auto& [key, value] = pairs[static_cast<size_t>(index)];
    TaskQuestion question = copy_question(filled(prompt.after, "key", key), value, count);
    if (prompt.after.ends_with('\n')) question.reference = value;
    question.depth_percent = 100.0 * static_cast<double>(offsets[static_cast<size_t>(index)]) /
                             static_cast<double>(sample.context.size());
    sample.questions.push_back(std::move(question));
  }
  return sample;
}

class KvRetrieval : public Task {
 public:
  std::string_view name() const override { return "kv_retrieval"; }
  std::string_view summary() const override {
    return "values of UUID keys in a JSON object, ten asked on one object";
  }
  std::string_view variants() const override { return ""; }
  std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const override {
    require_data(settings.data);
    const std::string path = choose_file(settings);
    const Prompt prompt = read_prompt(path);
    const int64_t on_one = settings.questions > 0 ? settings.questions : 10;
    SampleCollector samples(settings, count);
    int64_t index = 0;
    for (const Record& record : read_json_lines(path)) {
      if (samples.full()) break;
      const Pairs pairs = record.pairs("ordered_kv_records");
      const auto all = static_cast<int64_t>(pairs.size());
      const int64_t questions = samples.room(on_one);
      const auto cut = [&](int64_t shown) { return make_sample(prompt, pairs, shown, questions, count); };
      TaskSample sample = settings.length == 0 ? cut(all)
                                               : fit_sample(name(), std::min(questions, all), all,
                                                            Supply::kData, settings.length, count, cut);
      sample.name = fmt::format("kv_retrieval/{}", index++);
      samples.add(std::move(sample));
    }
    return samples.take(name());
  }

 private:
  // The longer objects where a length cuts them.
  static std::string choose_file(const TaskSettings& settings) {
    if (is_file(settings.data)) return settings.data;
    if (settings.length > 0) {
      if (auto longer = look_for(settings.data, "retrieval", "kv_140_keys.jsonl")) return *longer;
    }
    return find_data(settings.data, "retrieval", "kv_75_keys.jsonl");
  }
};

}  // namespace

const Task& kv_retrieval_task() {
  static const KvRetrieval task;
  return task;
}

}  // namespace kvcompress
