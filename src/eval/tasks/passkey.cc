// A number hidden in repeated filler lines: header, `fillers` lines with the needle's line among them, joined
// by line breaks (the layout of KIVI's passkey examples).
#include <fmt/format.h>  // fmt::format

#include <cmath>  // std::lround

#include "eval/tasks/catalogue.h"
#include "eval/tasks/samples.h"    // SampleCollector, copy_question, fit_units
#include "eval/tasks/task_data.h"  // Record
#include "eval/tasks/wording.h"    // kPasskeyHeader, kNoise

namespace kvcompress {
namespace {

constexpr std::string_view kQuestion = "What is the pass key? The pass key is";

TaskSample make_sample(int64_t fillers, double depth, const std::string& key, const TokenCounter& count) {
  const auto before = static_cast<int64_t>(std::lround(depth / 100 * static_cast<double>(fillers)));
  TaskSample sample;
  sample.context = fmt::format("{}\n", kPasskeyHeader);
  size_t needle_at = 0;
  for (int64_t line = 0; line <= fillers; line++) {
    if (line == before) {
      needle_at = sample.context.size();
      sample.context += fmt::format("The pass key is {0}. Remember it. {0} is the pass key.\n", key);
    }
    if (line < fillers) sample.context += fmt::format("{}\n", kNoise);
  }
  sample.questions = {copy_question(std::string(kQuestion), key, count)};
  sample.questions[0].depth_percent =
      100.0 * static_cast<double>(needle_at) / static_cast<double>(sample.context.size());
  return sample;
}

std::vector<TaskSample> generate(const TaskSettings& settings, const TokenCounter& count) {
  require_length("passkey", settings);
  std::vector<double> depths = settings.depths;
  if (depths.empty()) depths = {0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100};
  SampleCollector samples(settings, count, static_cast<int64_t>(depths.size()));
  for (int64_t index = 0; !samples.full(); index++) {
    Random random = sample_random(settings.seed, "passkey", index);
    const std::string key = std::to_string(10000 + random.below(90000));
    const double depth = depths[static_cast<size_t>(index) % depths.size()];
    TaskSample sample = fit_sample("passkey", 1, 1 << 24, Supply::kEndless, settings.length, count,
                                   [&](int64_t fillers) { return make_sample(fillers, depth, key, count); });
    sample.name = fmt::format("passkey/{}/depth_{:g}", index, depth);
    samples.add(std::move(sample));
  }
  return samples.take("passkey");
}

std::vector<TaskSample> read(const std::string& path, const TaskSettings& settings,
                             const TokenCounter& count) {
  SampleCollector samples(settings, count);
  for (const Record& record : read_json_lines(path)) {
    if (samples.full()) break;
    TaskSample sample;
    sample.name = fmt::format("passkey/{}", record.place().substr(record.place().rfind("line ") + 5));
    sample.context = record.text("input");
    if (sample.context.back() != '\n') sample.context += '\n';
    const std::string key = record.word("target");
    const size_t at = sample.context.find(key);
    if (at == std::string::npos)
      record.fail("input", fmt::format("a text that holds its target {}", key), "none");
    sample.questions = {copy_question(std::string(kQuestion), key, count)};
    sample.questions[0].depth_percent =
        100.0 * static_cast<double>(at) / static_cast<double>(sample.context.size());
    samples.add(std::move(sample));
  }
  return samples.take("passkey");
}

class Passkey : public Task {
 public:
  std::string_view name() const override { return "passkey"; }
  std::string_view summary() const override {
    return "a five-digit number among repeated filler lines, at any length and depth; or records of a file";
  }
  std::string_view variants() const override { return ""; }
  std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const override {
    require_data(settings.data);
    if (is_file(settings.data)) return read(settings.data, settings, count);
    if (settings.length > 0 || settings.data.empty()) return generate(settings, count);
    return read(find_data(settings.data, "passkey", "generated_passkey.jsonl"), settings, count);
  }
};

}  // namespace

const Task& passkey_task() {
  static const Passkey task;
  return task;
}

}  // namespace kvcompress
