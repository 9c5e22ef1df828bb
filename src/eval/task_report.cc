#include "eval/task_report.h"

#include <fmt/format.h>  // fmt::format

#include <filesystem>         // std::filesystem::path
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/table.h"  // Table

namespace kvcompress {
namespace {

void put(Json& json, const char* key, double value) {
  if (!std::isnan(value)) json[key] = value;
}

// Zero or more decimals; empty when the figure is missing.
std::string shown(double value, int decimals, const char* unit = "") {
  return std::isnan(value) ? "" : fmt::format("{:.{}f}{}", value, decimals, unit);
}

Json protocol_json(const Engine& engine, const TaskSettings& task, const TaskRunSettings& settings) {
  Json json;
  json["question"] = settings.visible ? "visible" : "hidden";
  json["chat"] = settings.chat;
  json["prefill"] = settings.prefill == PrefillMode::bounded ? "bounded" : "exact";
  json["precision"] = engine.options().precision == Precision::exact ? "exact" : "fast";
  const std::pair<const char*, int64_t> numbers[] = {
      {"length", task.length}, {"limit", task.limit}, {"lines", task.lines}, {"questions", task.questions}};
  for (const auto& [name, value] : numbers) {
    if (value > 0) json[name] = value;
  }
  if (!task.variant.empty()) json["variant"] = task.variant;
  json["seed"] = task.seed;
  json["bos"] = engine.vocabulary().adds_bos();
  json["reading"] = settings.prefill == PrefillMode::bounded
                        ? "each recipe reads for itself"
                        : "one reading for all recipes, which observes what any of them needs";
  json["log_probability"] = "natural, of a token of the reference, teacher-forced on the prefill path";
  json["answer"] = "greedy";
  return json;
}

}  // namespace

Json task_row(const TaskResult& result) {
  using R = TaskResult;
  const bool compared = result.evaluated.recipe.compresses();
  Json json;
  json["recipe"] = result.evaluated.recipe.name;
  if (!result.evaluated.budget.empty()) json["budget"] = result.evaluated.budget;
  json["samples"] = result.questions.size();
  json["contexts"] = result.samples;
  json["tokens"] = R::tokens(result.questions);
  put(json, "score", R::score(result.questions));
  if (compared) put(json, "score_full", R::score(result.full));
  put(json, "hit", R::hit(result.questions));
  if (compared) put(json, "hit_full", R::hit(result.full));
  put(json, "log_probability", R::log_probability(result.questions));
  if (compared) put(json, "log_probability_full", R::log_probability(result.full));
  put(json, "exact", R::exact(result.questions));
  if (compared) put(json, "exact_full", R::exact(result.full));
  put(json, "accuracy", R::accuracy(result.questions));
  if (compared) put(json, "accuracy_full", R::accuracy(result.full));
  json["cache"] = to_json(result.cache, /*with_kept=*/false);
  json["time"] = {{"ttft_ms", result.time.ttft_ms}, {"compress_ms", result.time.compress_ms}};
  if (result.time.tokens_per_second > 0) json["time"]["tokens_per_second"] = result.time.tokens_per_second;
  return json;
}

Json task_json(const Engine& engine, const std::string& task, const TaskSettings& task_settings,
               const TaskRunSettings& settings, const std::vector<TaskResult>& results) {
  Json json;
  json["task"] = task;
  json["model"] = std::filesystem::path(engine.file().path()).filename().string();
  json["data"] = task_settings.data;
  json["protocol"] = protocol_json(engine, task_settings, settings);
  json["results"] = Json::array();
  for (const TaskResult& result : results) json["results"].push_back(task_row(result));
  return json;
}

std::string task_table(const std::vector<TaskResult>& results) {
  using R = TaskResult;
  Table table({"recipe", "budget", "questions", "score", "full cache", "hit", "log-prob", "full cache",
               "exact", "right label", "full cache", "cache smaller", "compress ms"});
  for (const TaskResult& result : results) {
    const bool compared = result.evaluated.recipe.compresses();
    const auto full = [&](double value, int decimals, const char* unit = "") {
      return compared ? shown(value, decimals, unit) : std::string();
    };
    table.add_row(
        {result.evaluated.recipe.name, result.evaluated.budget, std::to_string(result.questions.size()),
         shown(R::score(result.questions), 1), full(R::score(result.full), 1),
         shown(100 * R::hit(result.questions), 1, " %"), shown(R::log_probability(result.questions), 3),
         full(R::log_probability(result.full), 3), shown(100 * R::exact(result.questions), 1, " %"),
         shown(100 * R::accuracy(result.questions), 1, " %"), full(100 * R::accuracy(result.full), 1, " %"),
         result.cache.bytes > 0 ? fmt::format("{:.2f}x", result.cache.ratio()) : "",
         full(result.time.compress_ms, 1)});
  }
  return table.text();
}

}  // namespace kvcompress
