// Facts in essays. Several of them stand in one haystack at even spacing, so that one context answers many
// questions; or each alone, by depth ("single").
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::find, std::min

#include "eval/tasks/catalogue.h"
#include "eval/tasks/haystack.h"   // Haystack, read_haystack
#include "eval/tasks/samples.h"    // SampleCollector, fit_sample
#include "eval/tasks/task_data.h"  // Record

namespace kvcompress {
namespace {

struct Needle {
  std::string id;
  std::vector<std::string> facts;
  TaskQuestion question;
};

Needle read_needle(const Record& record, const TokenCounter& count) {
  Needle needle{record.text("id"), record.texts("needles"), {}};
  needle.question =
      copy_question(record.has("completion_prompt") ? fmt::format("\n\n{}", record.text("completion_prompt"))
                                                    : fmt::format("\n\n{}\nAnswer:", record.text("question")),
                    record.text("answer"), count);
  needle.question.expected = record.texts("keywords");
  return needle;
}

bool matches(std::string_view id, std::string_view pattern) {
  if (pattern.ends_with('*')) return id.starts_with(pattern.substr(0, pattern.size() - 1));
  return id == pattern;
}

// Those of the file that the patterns name, in the order of the patterns; none: the plain facts ("simple_*"),
// or all in a file that has no such ids.
std::vector<Needle> choose_needles(const std::string& path, std::vector<std::string> patterns,
                                   const TokenCounter& count) {
  std::vector<Needle> all, chosen;
  for (const Record& record : read_json_list(path)) all.push_back(read_needle(record, count));
  const bool own = patterns.empty();
  if (own) patterns = {"simple_*"};
  for (const std::string& pattern : patterns) {
    const size_t before = chosen.size();
    for (const Needle& needle : all) {
      if (matches(needle.id, pattern)) chosen.push_back(needle);
    }
    if (chosen.size() > before || own) continue;
    std::string ids;
    for (const Needle& needle : all) ids += (ids.empty() ? "" : ", ") + needle.id;
    throw UsageError(fmt::format("[needle] expected ids of {} ({}), got \"{}\"", path, ids, pattern));
  }
  return chosen.empty() ? all : chosen;
}

// The facts of all needles in turn: the first of each, then the second of those that have one, and so on.
struct Placed {
  size_t needle;
  std::string text;
};

std::vector<Placed> in_turn(const std::vector<Needle>& needles) {
  std::vector<Placed> placed;
  size_t more = 1;
  for (size_t round = 0; more > 0; round++) {
    more = 0;
    for (size_t i = 0; i < needles.size(); i++) {
      if (round < needles[i].facts.size()) placed.push_back({i, needles[i].facts[round]});
      more += round + 1 < needles[i].facts.size();
    }
  }
  return placed;
}

// `depth`: of the only fact, or -1 for even spacing.
TaskSample hide_needles(const Haystack& haystack, int64_t first, int64_t words, std::vector<Needle> needles,
                        double depth) {
  const std::vector<Placed> placed = in_turn(needles);
  std::vector<Haystack::Fact> facts;
  for (size_t i = 0; i < placed.size(); i++) {
    const double even = 100.0 * (static_cast<double>(i) + 0.5) / static_cast<double>(placed.size());
    facts.push_back({placed[i].text, depth >= 0 && placed.size() == 1 ? depth : even});
  }
  Haystack::Hidden hidden = haystack.hide(first, words, facts);
  for (size_t i = 0; i < placed.size(); i++) {
    Needle& needle = needles[placed[i].needle];
    if (needle.facts.size() == 1) needle.question.depth_percent = hidden.depths[i];
  }
  TaskSample sample;
  sample.context = std::move(hidden.text);
  for (Needle& needle : needles) sample.questions.push_back(std::move(needle.question));
  return sample;
}

struct NeedleRun {
  const TaskSettings& settings;
  const TokenCounter& count;
  Haystack haystack;
  std::vector<Needle> needles;

  TaskSample fit(int64_t first, const std::vector<Needle>& some, double depth) const {
    const auto least = static_cast<int64_t>(8 * some.size());
    return fit_sample("needle", least, int64_t{1} << 32, Supply::kEndless, settings.length, count,
                      [&](int64_t words) { return hide_needles(haystack, first, words, some, depth); });
  }

  // Sample 0 begins where the haystack begins and has the needles in their order; the others at random
  // places.
  int64_t random_start(int64_t index, Random& random) const {
    if (index == 0) return 0;
    return haystack.sentence_from(
        static_cast<int64_t>(random.below(static_cast<uint64_t>(haystack.words()))));
  }

  std::vector<TaskSample> many() const {
    const int64_t on_one = std::min<int64_t>(settings.questions > 0 ? settings.questions : 10,
                                             static_cast<int64_t>(needles.size()));
    SampleCollector samples(settings, count, 50);
    for (int64_t index = 0; !samples.full(); index++) {
      Random random = sample_random(settings.seed, "needle", index);
      const int64_t first = random_start(index, random);
      std::vector<Needle> some = needles;
      if (index > 0) shuffle(some, random);
      some.resize(static_cast<size_t>(samples.room(on_one)));
      TaskSample sample = fit(first, some, -1);
      sample.name = fmt::format("needle/{}", index);
      samples.add(std::move(sample));
    }
    return samples.take("needle");
  }

  std::vector<TaskSample> single() const {
    std::vector<double> depths = settings.depths;
    if (depths.empty()) depths = {0, 11, 22, 33, 44, 56, 67, 78, 89, 100};
    SampleCollector samples(settings, count, static_cast<int64_t>(depths.size()));
    for (int64_t index = 0; !samples.full(); index++) {
      Random random = sample_random(settings.seed, "needle single", index);
      const int64_t first = random_start(index, random);
      const double depth = depths[static_cast<size_t>(index) % depths.size()];
      const Needle& needle = needles[(static_cast<size_t>(index) / depths.size()) % needles.size()];
      TaskSample sample = fit(first, {needle}, depth);
      sample.name = fmt::format("needle/{}/{}/depth_{:g}", index, needle.id, depth);
      samples.add(std::move(sample));
    }
    return samples.take("needle");
  }
};

class NeedleTask : public Task {
 public:
  std::string_view name() const override { return "needle"; }
  std::string_view summary() const override {
    return "facts hidden in essays, ten on one context, or one alone by depth";
  }
  std::string_view variants() const override {
    return "ids of needles.json (\"simple_*\" for all that begin so), \"single\" for one fact a context";
  }
  std::vector<TaskSample> make(const TaskSettings& settings, const TokenCounter& count) const override {
    require_length("needle", settings);
    std::vector<std::string> names = split_names(settings.variant);
    const auto single = std::find(names.begin(), names.end(), "single");
    const bool alone = single != names.end();
    if (alone) names.erase(single);
    const std::string path = is_file(settings.data) && settings.data.ends_with(".json")
                                 ? settings.data
                                 : find_data(settings.data, "needle", "needles.json");
    const NeedleRun run{settings, count, read_haystack(settings.data, /*one_line=*/false),
                        choose_needles(path, names, count)};
    return alone ? run.single() : run.many();
  }
};

}  // namespace

const Task& needle_task() {
  static const NeedleTask task;
  return task;
}

}  // namespace kvcompress
