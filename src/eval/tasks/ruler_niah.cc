// RULER's needles in a haystack: magic numbers or UUIDs for keys, among filler lines, essays or other
// needles.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::sort

#include "eval/tasks/ruler.h"
#include "eval/tasks/ruler_names.h"  // RulerNames
#include "eval/tasks/wording.h"      // kNoise

namespace kvcompress {
namespace {

enum class Hay { kNoise, kEssays, kNeedles };

struct NiahKind {
  std::string_view name;
  Hay hay;
  bool uuid_keys, uuid_values;
  int keys, values;  // values of each key
  bool together;     // all keys in one question
};

constexpr NiahKind kKinds[] = {
    {"niah_single_1", Hay::kNoise, false, false, 1, 1, false},
    {"niah_single_2", Hay::kEssays, false, false, 1, 1, false},
    {"niah_single_3", Hay::kEssays, false, true, 1, 1, false},
    {"niah_multikey_1", Hay::kEssays, false, false, 4, 1, false},
    {"niah_multikey_2", Hay::kNeedles, false, false, 1, 1, false},
    {"niah_multikey_3", Hay::kNeedles, true, true, 1, 1, false},
    {"niah_multivalue", Hay::kEssays, false, false, 1, 4, false},
    {"niah_multiquery", Hay::kEssays, false, false, 4, 1, true},
};

const NiahKind& kind_of(std::string_view name) {
  for (const NiahKind& kind : kKinds) {
    if (kind.name == name) return kind;
  }
  throw UsageError(fmt::format("[ruler] expected a needle task, got \"{}\"", name));
}

struct Needle {
  std::string key;
  std::vector<std::string> values;
  double depth = -1;  // percent, when the key has one value
};

std::string_view type_of(const NiahKind& kind) { return kind.uuid_values ? "uuid" : "number"; }

std::string sentence(const NiahKind& kind, const std::string& key, const std::string& value) {
  return fmt::format("One of the special magic {}s for {} is: {}.", type_of(kind), key, value);
}

std::string header(const NiahKind& kind) {
  if (kind.values > 1 || kind.together) {
    return fmt::format(
        "Some special magic {0}s are hidden within the following text. Make sure to memorize it. I will quiz "
        "you "
        "about the {0}s afterwards.\n",
        type_of(kind));
  }
  return fmt::format(
      "A special magic {0} is hidden within the following text. Make sure to memorize it. I will quiz you "
      "about "
      "the {0} afterwards.\n",
      type_of(kind));
}

TaskQuestion ask(const NiahKind& kind, const std::vector<Needle>& needles, int room,
                 const TokenCounter& count) {
  std::vector<std::string> keys, values;
  for (const Needle& needle : needles) {
    keys.push_back(needle.key);
    values.insert(values.end(), needle.values.begin(), needle.values.end());
  }
  if (values.size() > 1) {
    return ruler_question(
        fmt::format("\nWhat are all the special magic {0}s for {1} mentioned in the provided "
                    "text? The special magic {0}s for {1} mentioned in the provided text are",
                    type_of(kind), listed(keys)),
        " " + listed(values), values, room);
  }
  TaskQuestion question = copy_question(
      fmt::format(
          "\nWhat is the special magic {0} for {1} mentioned in the provided text? The special magic {0} for "
          "{1} mentioned in the provided text is",
          type_of(kind), keys[0]),
      values[0], count);
  question.depth_percent = needles[0].depth;
  return question;
}

// Depths for `count` facts in ascending order: the settings' for a single one, else of 40 at even spacing.
std::vector<double> choose_depths(const RulerRequest& request, int64_t count, Random& random) {
  const auto& given = request.settings.depths;
  if (count == 1 && !given.empty()) return {given[static_cast<size_t>(request.index) % given.size()]};
  std::vector<double> depths;
  for (const int64_t step : draw(count, 40, random)) depths.push_back(100.0 * static_cast<double>(step) / 39);
  std::sort(depths.begin(), depths.end());
  return depths;
}

struct Body {
  std::string text;
  std::vector<double> depths;
};

Body in_noise(int64_t lines, const std::vector<Haystack::Fact>& facts) {
  Body body;
  size_t next = 0;
  std::vector<size_t> offsets;
  for (int64_t line = 0; line <= lines; line++) {
    for (; next < facts.size() && (line == lines || facts[next].depth_percent * static_cast<double>(lines) <
                                                        100 * (static_cast<double>(line) + 0.5));
         next++) {
      offsets.push_back(body.text.size());
      body.text += facts[next].text + "\n";
    }
    if (line < lines) body.text += fmt::format("{}\n", kNoise);
  }
  body.text.pop_back();
  for (const size_t at : offsets) {
    body.depths.push_back(100.0 * static_cast<double>(at) / static_cast<double>(body.text.size()));
  }
  return body;
}

std::vector<Needle> name_needles(const NiahKind& kind, RulerMaterial& material, const Random& random) {
  std::vector<Needle> needles;
  RulerNames names(kind.uuid_keys, kind.uuid_values, material, random);
  for (int k = 0; k < kind.keys; k++) {
    needles.push_back({names.key(), {}});
    for (int v = 0; v < kind.values; v++) needles.back().values.push_back(names.value());
  }
  return needles;
}

// The facts of all needles in essays or filler lines; `units` are words or lines.
Body hide_facts(const NiahKind& kind, const std::vector<Needle>& needles, const RulerRequest& request,
                int64_t units) {
  Random places = sample_random(request.settings.seed, fmt::format("{} places", kind.name), request.index);
  const std::vector<double> depths = choose_depths(request, int64_t{kind.keys} * kind.values, places);
  std::vector<Haystack::Fact> facts;
  for (const Needle& needle : needles) {
    for (const std::string& value : needle.values) {
      facts.push_back({sentence(kind, needle.key, value), depths[facts.size()]});
    }
  }
  if (kind.hay == Hay::kNoise) return in_noise(units, facts);
  const Haystack& essays = request.material.essays();
  const auto first = static_cast<int64_t>(places.below(static_cast<uint64_t>(essays.words())));
  Haystack::Hidden hidden = essays.hide(first, units, facts);
  return {std::move(hidden.text), std::move(hidden.depths)};
}

TaskSample hide_keys(const NiahKind& kind, const RulerTask& task, const RulerRequest& request,
                     const Random& random, int64_t units) {
  std::vector<Needle> needles = name_needles(kind, request.material, random);
  const Body body = hide_facts(kind, needles, request, units);
  TaskSample sample;
  sample.context = header(kind) + body.text;
  if (kind.together) {
    sample.questions = {ask(kind, needles, task.answer_room, request.count)};
    return sample;
  }
  const double share = static_cast<double>(body.text.size()) / static_cast<double>(sample.context.size());
  for (const int64_t k : even_spacing(request.questions, kind.keys)) {
    Needle& needle = needles[static_cast<size_t>(k)];
    needle.depth = 100 - (100 - body.depths[static_cast<size_t>(k * kind.values)]) * share;
    sample.questions.push_back(ask(kind, {needle}, task.answer_room, request.count));
  }
  return sample;
}

// Every line is a needle; some are asked for, at even spacing.
TaskSample needles_alone(const NiahKind& kind, const RulerTask& task, const RulerRequest& request,
                         const Random& random, int64_t lines) {
  RulerNames names(kind.uuid_keys, kind.uuid_values, request.material, random);
  std::vector<Needle> needles;
  std::vector<size_t> offsets;
  TaskSample sample;
  sample.context = header(kind);
  for (int64_t line = 0; line < lines; line++) {
    std::string key = names.key();
    needles.push_back({std::move(key), {names.value()}});
    if (line > 0) sample.context += '\n';
    offsets.push_back(sample.context.size());
    sample.context += sentence(kind, needles.back().key, needles.back().values[0]);
  }
  for (const int64_t index : even_spacing(request.questions, lines)) {
    Needle& needle = needles[static_cast<size_t>(index)];
    needle.depth = 100.0 * static_cast<double>(offsets[static_cast<size_t>(index)]) /
                   static_cast<double>(sample.context.size());
    sample.questions.push_back(ask(kind, {needle}, task.answer_room, request.count));
  }
  return sample;
}

}  // namespace

TaskSample make_ruler_niah(const RulerTask& task, const RulerRequest& request) {
  const NiahKind& kind = kind_of(task.name);
  const Random random = sample_random(request.settings.seed, kind.name, request.index);
  const bool alone = kind.hay == Hay::kNeedles;
  const int64_t least = alone ? request.questions : 1;
  return fit_sample(task.name, least, int64_t{1} << 32, Supply::kEndless, request.settings.length,
                    request.count, [&](int64_t units) {
                      return alone ? needles_alone(kind, task, request, random, units)
                                   : hide_keys(kind, task, request, random, units);
                    });
}

}  // namespace kvcompress
