// Many-shot classification: labelled examples up to a length, then many queries on them, each answered by the
// most probable label.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::find, std::any_of
#include <charconv>   // std::from_chars
#include <map>        // std::map

#include "eval/tasks/catalogue.h"
#include "eval/tasks/samples.h"    // SampleCollector, draw, fit_sample, listed
#include "eval/tasks/task_data.h"  // Record

namespace kvcompress {
namespace {

constexpr std::string_view kName = "icl";
constexpr int64_t kBankingLabels = 8;

struct Example {
  std::string text;
  size_t label;
};

// One of the data sets, ready to be asked.
struct Classification {
  std::string set, header, before_text, before_label;
  std::vector<std::string> labels;  // as they are written in the prompt
  std::vector<Example> train, test;

  std::string shown(const Example& example) const {
    return fmt::format("{}{}\n{} {}\n\n", before_text, example.text, before_label, labels[example.label]);
  }
  std::string asked(const Example& example) const {
    return fmt::format("{}{}\n{}", before_text, example.text, before_label);
  }
};

std::vector<std::pair<std::string, std::string>> read_labelled(const std::string& path, const char* label) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const Record& record : read_json_lines(path))
    rows.emplace_back(record.text("text"), record.text(label));
  return rows;
}

Classification read_trec(const std::string& data) {
  static const std::vector<std::pair<std::string, std::string>> kClasses = {
      {"ABBR", "abbreviation"}, {"ENTY", "entity"},  {"DESC", "description"},
      {"HUM", "human"},         {"LOC", "location"}, {"NUM", "number"}};
  Classification task{"trec", "", "Question: ", "Type:", {}, {}, {}};
  for (const auto& [code, label] : kClasses) task.labels.push_back(label);
  task.header = "Classify each question as abbreviation, entity, description, human, location or number.\n\n";
  for (auto* part : {&task.train, &task.test}) {
    const std::string path =
        find_data(data, "icl", part == &task.train ? "trec_train.jsonl" : "trec_test.jsonl");
    for (const Record& record : read_json_lines(path)) {
      const std::string code = record.text("coarse");
      const auto found = std::find_if(kClasses.begin(), kClasses.end(),
                                      [&](const auto& known) { return known.first == code; });
      if (found == kClasses.end()) {
        record.fail("coarse", "ABBR, ENTY, DESC, HUM, LOC or NUM", fmt::format("\"{}\"", code));
      }
      part->push_back({record.text("text"), static_cast<size_t>(found - kClasses.begin())});
    }
  }
  return task;
}

std::string in_words(std::string label) {
  std::replace(label.begin(), label.end(), '_', ' ');
  return label;
}

// Some of the labels, by chance; none begins another, whose summed log-probability could then never be
// higher.
std::vector<std::string> choose_labels(const std::vector<std::string>& all, int64_t wanted, uint64_t seed) {
  Random random = sample_random(seed, "icl labels", 0);
  std::vector<std::string> chosen;
  for (const int64_t index :
       draw(static_cast<int64_t>(all.size()), static_cast<int64_t>(all.size()), random)) {
    const std::string& label = all[static_cast<size_t>(index)];
    const bool clashes = std::any_of(chosen.begin(), chosen.end(), [&](const std::string& other) {
      return label.starts_with(other) || other.starts_with(label);
    });
    if (!clashes && static_cast<int64_t>(chosen.size()) < wanted) chosen.push_back(label);
  }
  if (static_cast<int64_t>(chosen.size()) < wanted || wanted < 2) {
    throw UsageError(fmt::format("[icl] expected 2 to {} labels, got {}", chosen.size(), wanted));
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

Classification read_banking(const std::string& data, int64_t wanted, uint64_t seed) {
  const auto train = read_labelled(find_data(data, "icl", "banking77_train.jsonl"), "label");
  const auto test = read_labelled(find_data(data, "icl", "banking77_test.jsonl"), "label");
  std::vector<std::string> all;
  for (const auto& row : train) all.push_back(row.second);
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  const auto chosen = choose_labels(all, wanted, seed);
  Classification task{"banking77", "", "Message: ", "Topic:", {}, {}, {}};
  for (const std::string& label : chosen) task.labels.push_back(in_words(label));
  task.header = fmt::format("Classify each message as one of: {}.\n\n", fmt::join(task.labels, ", "));
  for (const auto& [rows, part] : {std::pair(&train, &task.train), std::pair(&test, &task.test)}) {
    for (const auto& [text, label] : *rows) {
      const auto found = std::find(chosen.begin(), chosen.end(), label);
      if (found != chosen.end()) part->push_back({text, static_cast<size_t>(found - chosen.begin())});
    }
  }
  return task;
}

Classification choose_set(const TaskSettings& settings) {
  const std::string& variant = settings.variant;
  if (variant.empty() || variant == "trec") return read_trec(settings.data);
  if (variant == "banking77") return read_banking(settings.data, kBankingLabels, settings.seed);
  if (variant.starts_with("banking77:")) {
    int64_t wanted = 0;
    const auto read = std::from_chars(variant.data() + 10, variant.data() + variant.size(), wanted);
    if (read.ec == std::errc() && read.ptr == variant.data() + variant.size()) {
      return read_banking(settings.data, wanted, settings.seed);
    }
  }
  throw UsageError(fmt::format("[icl] expected trec, banking77 or banking77:LABELS, got \"{}\"", variant));
}

// One of each class in turn, each class in random order; a class that has run out is passed over.
std::vector<Example> balanced(const Classification& task, int64_t wanted, Random& random) {
  std::map<size_t, std::vector<Example>> by_label;
  for (const Example& example : task.test) by_label[example.label].push_back(example);
  for (auto& [label, examples] : by_label) shuffle(examples, random);
  std::vector<Example> queries;
  bool more = true;
  for (size_t round = 0; more; round++) {
    more = false;
    for (const auto& [label, examples] : by_label) {
      if (round >= examples.size() || static_cast<int64_t>(queries.size()) == wanted) continue;
      queries.push_back(examples[round]);
      more = true;
    }
  }
  return queries;
}

TaskQuestion ask(const Classification& task, const Example& query) {
  TaskQuestion question;
  question.text = task.asked(query);
  question.reference = " " + task.labels[query.label];
  question.expected = {task.labels[query.label]};
  for (const std::string& label : task.labels) question.labels.push_back(" " + label);
  question.until = "\n";
  question.max_tokens = 16;
  return question;
}

TaskSample make_sample(const Classification& task, const TaskSettings& settings, const TokenCounter& count,
                       int64_t index, int64_t questions) {
  Random random = sample_random(settings.seed, kName, index);
  std::vector<Example> shots = task.train;
  shuffle(shots, random);
  std::vector<TaskQuestion> asked;
  for (const Example& query : balanced(task, questions, random)) asked.push_back(ask(task, query));
  const auto most = static_cast<int64_t>(shots.size());
  return fit_sample(kName, 1, most, Supply::kData, settings.length, count, [&](int64_t shown) {
    TaskSample sample{"", task.header, asked};
    for (int64_t i = 0; i < shown; i++) sample.context += task.shown(shots[static_cast<size_t>(i)]);
    return sample;
  });
}

class Icl : public Task {
 public:
  std::string_view name() const override { return kName; }
  std::string_view summary() const override {
    return "many labelled examples (TREC question types, Banking77 topics), then queries ranked by label";
  }
  std::string_view variants() const override {
    return "trec (six classes), banking77 (8 labels), banking77:LABELS";
  }
  std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const override {
    require_length(kName, settings);
    const Classification task = choose_set(settings);
    if (task.test.empty())
      throw InputError(fmt::format("[{}] expected queries of the labels, got none", task.set));
    const int64_t on_one = settings.questions > 0 ? settings.questions : 24;
    SampleCollector samples(settings, count, 48);
    for (int64_t index = 0; !samples.full(); index++) {
      TaskSample sample = make_sample(task, settings, count, index, samples.room(on_one));
      sample.name = fmt::format("icl/{}/{}", task.set, index);
      samples.add(std::move(sample));
    }
    return samples.take(kName);
  }
};

}  // namespace

const Task& icl_task() {
  static const Icl task;
  return task;
}

}  // namespace kvcompress
