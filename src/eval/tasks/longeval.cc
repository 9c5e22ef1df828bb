// LongEval's lines: a record of named lines with a number each, cut to its first lines; several lines are
// asked for, one by one.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError, UsageError

#include <algorithm>   // std::sort
#include <filesystem>  // std::filesystem::directory_iterator
#include <map>         // std::map

#include "eval/tasks/catalogue.h"
#include "eval/tasks/samples.h"    // SampleCollector, even_spacing, fit_sample
#include "eval/tasks/task_data.h"  // Record

namespace kvcompress {
namespace {

constexpr std::string_view kContent = ": REGISTER_CONTENT is <";

struct RecordLine {
  std::string name, number;
  size_t end;  // in LineRecord::text, behind the line's break
};

struct LineRecord {
  std::string text;  // header and lines, without the question
  std::vector<RecordLine> lines;
  size_t size(int64_t count) const { return lines[static_cast<size_t>(count - 1)].end; }
};

LineRecord read_lines(const Record& record) {
  LineRecord result{record.text("prompt"), {}};
  size_t at = result.text.find("\nline ");
  if (at == std::string::npos) record.fail("prompt", "lines that begin with \"line \"", "none");
  std::map<std::string, int> names;
  for (at++; result.text.compare(at, 5, "line ") == 0;) {
    const size_t end = result.text.find('\n', at);
    const size_t content = result.text.find(kContent, at);
    const size_t digits = content + kContent.size();
    const size_t close =
        content == std::string::npos ? content : result.text.find_first_not_of("0123456789", digits);
    if (end == std::string::npos || close >= end || close == digits || result.text[close] != '>') {
      record.fail("prompt", "lines of the form \"line NAME: REGISTER_CONTENT is <NUMBER>\"",
                  fmt::format("\"{}\" as line {}", result.text.substr(at, std::min<size_t>(end - at, 80)),
                              result.lines.size() + 1));
    }
    const RecordLine line{result.text.substr(at + 5, content - at - 5),
                          result.text.substr(digits, close - digits), end + 1};
    if (names[line.name]++ > 0)
      record.fail("prompt", "names of lines that differ", fmt::format("\"{}\" twice", line.name));
    result.lines.push_back(line);
    at = end + 1;
  }
  return result;
}

TaskSample cut(const LineRecord& record, int64_t lines, int64_t questions, const TokenCounter& count) {
  TaskSample sample;
  sample.context = record.text.substr(0, record.size(lines));
  for (const int64_t index : even_spacing(questions, lines)) {
    const RecordLine& line = record.lines[static_cast<size_t>(index)];
    TaskQuestion question = copy_question(
        fmt::format(
            "\nNow the record is over. Tell me what is the <REGISTER_CONTENT> in line {0}? I need the "
            "number. The <REGISTER_CONTENT> in line {0} is <",
            line.name),
        line.number, count);
    question.reference = line.number;  // the digits alone: models merge the closing mark with what follows
    question.depth_percent =
        100.0 * static_cast<double>(line.end) / static_cast<double>(sample.context.size());
    sample.questions.push_back(std::move(question));
  }
  return sample;
}

// The record files of a folder, those with the fewest lines first.
std::vector<std::string> record_files(const std::string& folder) {
  std::vector<std::string> paths;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with("longeval_lines_") && name.ends_with(".jsonl"))
      paths.push_back(entry.path().string());
  }
  std::sort(paths.begin(), paths.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() < b.size() : a < b;  // 200 before 1000
  });
  return paths;
}

// The file whose records are long enough: the shortest such, the longest when a length decides.
std::string choose_file(const TaskSettings& settings) {
  require_data(settings.data);
  if (is_file(settings.data)) return settings.data;
  auto paths = record_files(settings.data);
  if (paths.empty()) paths = record_files(settings.data + "/retrieval");
  if (paths.empty()) return find_data(settings.data, "retrieval", "longeval_lines_200.jsonl");
  if (settings.lines <= 0) return settings.length > 0 ? paths.back() : paths.front();
  for (const std::string& path : paths) {
    const auto first = read_lines(read_json_lines(path).front());
    if (static_cast<int64_t>(first.lines.size()) >= settings.lines) return path;
  }
  return paths.back();
}

TaskSample make_sample(const Record& source, int64_t questions, const TaskSettings& settings,
                       const TokenCounter& count) {
  const LineRecord record = read_lines(source);
  const auto all = static_cast<int64_t>(record.lines.size());
  if (settings.lines > all) {
    throw UsageError(fmt::format("[--lines] expected at most {}, which the record has, got {}; {}", all,
                                 settings.lines, source.place()));
  }
  if (settings.lines > 0 || settings.length == 0) {
    return cut(record, settings.lines > 0 ? settings.lines : all, questions, count);
  }
  return fit_sample("longeval", std::min(questions, all), all, Supply::kData, settings.length, count,
                    [&](int64_t lines) { return cut(record, lines, questions, count); });
}

class LongEval : public Task {
 public:
  std::string_view name() const override { return "longeval"; }
  std::string_view summary() const override {
    return "numbers of named lines in a long record of such lines, ten asked on one record";
  }
  std::string_view variants() const override { return ""; }
  std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const override {
    SampleCollector samples(settings, count);
    const int64_t on_one = settings.questions > 0 ? settings.questions : 10;
    int64_t index = 0;
    for (const Record& record : read_json_lines(choose_file(settings))) {
      if (samples.full()) break;
      TaskSample sample = make_sample(record, samples.room(on_one), settings, count);
      sample.name = fmt::format("longeval/{}", index++);
      samples.add(std::move(sample));
    }
    return samples.take("longeval");
  }
};

}  // namespace

const Task& longeval_task() {
  static const LongEval task;
  return task;
}

}  // namespace kvcompress
