// The tasks of a suite with their settings and data.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // Error

#include <algorithm>          // std::any_of
#include <charconv>           // std::from_chars
#include <filesystem>         // std::filesystem::exists
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/nearest_name.h"  // nearest_name
#include "eval/compare/suite_parts.h"

namespace kvcompress {
namespace {

std::vector<std::string> known_tasks() {
  std::vector<std::string> names = task_names();
  names.push_back("ppl");
  names.push_back("speed");
  return names;
}

// A number of the suite, shown in the results under the same name.
void take(SuiteNode& node, const char* key, int64_t minimum, int64_t& value, Json& shown) {
  const std::optional<int64_t> given = node.integer(key, minimum);
  if (!given) return;
  value = *given;
  shown[key] = value;
}

std::string data_path(SuiteNode& node, const SuiteFolders& folders, SuiteTask& task) {
  const std::optional<std::string> given = node.text("data");
  if (!given) return {};
  task.shown["data"] = *given;
  const std::filesystem::path path = std::filesystem::path(folders.data) / *given;
  if (!std::filesystem::exists(path)) {
    node.problems().add(
        node.line_of("data"),
        fmt::format("expected the data of {} at {}, got nothing there; give the folder that the "
                    "suite's data paths start from with --data DIR",
                    task.label, path.string()));
  }
  return path.string();
}

void read_perplexity(SuiteNode& node, SuiteTask& task) {
  PerplexitySettings& settings = task.perplexity;
  const std::string mode = node.choice("mode", {"two-phase", "stream"}).value_or("two-phase");
  task.shown["mode"] = mode;
  if (mode == "stream") {
    settings.mode = PerplexitySettings::Mode::stream;
    settings.plan.context = 0;
    settings.plan.target = 2047;
  }
  take(node, "context", 0, settings.plan.context, task.shown);
  take(node, "target", 1, settings.plan.target, task.shown);
  settings.plan.stride = std::max<int64_t>(settings.plan.context + settings.plan.target, 1);
  take(node, "stride", 1, settings.plan.stride, task.shown);
  take(node, "limit", 1, settings.plan.limit, task.shown);
}

void read_depths(SuiteNode& node, SuiteTask& task) {
  for (const std::string& text : node.texts("depths")) {
    double depth = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), depth);
    if (error != std::errc() || end != text.data() + text.size() || depth < 0 || depth > 100) {
      node.problems().add(node.line_of("depths"),
                          fmt::format("expected depths of 0 to 100 percent, got '{}'; correct it", text));
    }
    task.settings.depths.push_back(depth);
  }
  if (!task.settings.depths.empty()) task.shown["depths"] = task.settings.depths;
}

void read_settings(SuiteNode& node, SuiteTask& task) {
  TaskSettings& settings = task.settings;
  take(node, "length", 1, settings.length, task.shown);
  take(node, "limit", 1, settings.limit, task.shown);
  take(node, "lines", 1, settings.lines, task.shown);
  take(node, "questions", 1, settings.questions, task.shown);
  int64_t seed = 0;
  take(node, "seed", 0, seed, task.shown);
  settings.seed = static_cast<uint64_t>(seed);
  read_depths(node, task);
  for (const std::string& name : node.texts("variant")) {
    settings.variant += (settings.variant.empty() ? "" : ",") + name;
  }
  if (!settings.variant.empty()) task.shown["variant"] = settings.variant;
}

SuiteTask read_task(SuiteNode& node, const SuiteFolders& folders) {
  SuiteTask task;
  task.line = node.line();
  task.shown = Json::object();
  task.task = node.required("task");
  task.label = node.text("name").value_or(task.task);
  task.models = node.texts("models");
  const std::vector<std::string> known = known_tasks();
  if (!task.task.empty() && std::find(known.begin(), known.end(), task.task) == known.end()) {
    node.problems().add(node.line_of("task"),
                        fmt::format("expected a task, got '{}'; the nearest is '{}', all are {}", task.task,
                                    nearest_name(task.task, known), fmt::join(known, ", ")));
    return task;  // what its other keys mean is not known
  }
  const bool text = task.is_perplexity() || task.is_speed();
  if (text && !node.has("data")) node.required("data");
  task.settings.data = data_path(node, folders, task);
  if (task.is_perplexity()) {
    read_perplexity(node, task);
  } else if (task.is_speed()) {
    take(node, "prompt", 1, task.prompt, task.shown);
    take(node, "generate", 2, task.generate, task.shown);
    take(node, "repeats", 1, task.repeats, task.shown);
  } else {
    read_settings(node, task);
  }
  node.finish();
  return task;
}

}  // namespace

void read_suite_tasks(SuiteNode& root, const SuiteFolders& folders, Suite& suite) {
  std::vector<std::string> models, labels;
  for (const SuiteModel& model : suite.models) models.push_back(model.name);
  for (const YamlNode* item : suite_items(root, "tasks")) {
    SuiteNode node(*item, "a task", root.problems());
    SuiteTask task = read_task(node, folders);
    check_names(node, "models", task.models, models);
    if (std::find(labels.begin(), labels.end(), task.label) != labels.end()) {
      root.problems().add(item->line,
                          fmt::format("expected a name of its own for each task, got '{}' again; add "
                                      "name: ...",
                                      task.label));
    }
    labels.push_back(task.label);
    suite.tasks.push_back(std::move(task));
  }
  for (const SuiteModel& model : suite.models) {
    for (const std::string& name : model.tasks) {
      if (std::find(labels.begin(), labels.end(), name) != labels.end()) continue;
      root.problems().add(model.line,
                          fmt::format("expected tasks of this suite, got '{}'; the nearest is '{}'", name,
                                      nearest_name(name, labels)));
    }
  }
}

}  // namespace kvcompress
