#include <fmt/format.h>  // fmt::format

#include <cmath>              // std::isnan
#include <filesystem>         // std::filesystem::path
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/fidelity.h"
#include "eval/table.h"  // Table

namespace kvcompress {
namespace {

int64_t answer_tokens(const FidelityResult& result) {
  int64_t sum = 0;
  for (const FidelityAnswer& answer : result.answers) sum += static_cast<int64_t>(answer.full.size());
  return sum;
}

Json result_json(const FidelityResult& result) {
  Json json;
  json["recipe"] = result.evaluated.recipe.name;
  if (!result.evaluated.budget.empty()) json["budget"] = result.evaluated.budget;
  json["samples"] = result.answers.size();
  json["tokens"] = answer_tokens(result);
  const ScoreSums along = result.along_full();
  if (!along.divergences.empty()) {
    json["equal_tokens"] = result.equal_share();
    json["same_answers"] = result.same_answers();
    if (!std::isnan(result.first_difference())) json["first_difference"] = result.first_difference();
    json["kl_mean"] = along.kl_mean();
    json["kl_p99"] = along.kl_quantile(0.99);
    json["top1_agreement"] = along.top1_agreement();
  }
  json["cache"] = to_json(result.cache, /*with_kept=*/false);
  json["time"] = {{"ttft_ms", result.ttft_ms}, {"compress_ms", result.compress_ms}};
  return json;
}

}  // namespace

Json fidelity_json(const Engine& engine, const std::string& data, const FidelitySettings& settings,
                   const std::vector<FidelityResult>& results) {
  Json json;
  json["task"] = "fidelity";
  json["model"] = std::filesystem::path(engine.file().path()).filename().string();
  json["data"] = data;
  json["protocol"] = {{"predict", settings.predict},
                      {"chat", settings.chat},
                      {"prefill", settings.prefill == PrefillMode::bounded ? "bounded" : "exact"},
                      {"precision", engine.options().precision == Precision::exact ? "exact" : "fast"},
                      {"answer", "greedy, until the end of generation or predict tokens"},
                      {"equal_tokens", "of the places of the longer answer, mean over the prompts"},
                      {"kl", "of every next token of the full cache's answer, its end included"}};
  if (settings.limit > 0) json["protocol"]["limit"] = settings.limit;
  json["results"] = Json::array();
  for (const FidelityResult& result : results) json["results"].push_back(result_json(result));
  return json;
}

std::string fidelity_table(const std::vector<FidelityResult>& results) {
  Table table({"recipe", "budget", "prompts", "equal tokens", "same answers", "first difference", "KL mean",
               "KL p99", "top-1 as full", "cache smaller"});
  for (const FidelityResult& result : results) {
    const ScoreSums along = result.along_full();
    std::vector<std::string> row = {result.evaluated.recipe.name, result.evaluated.budget,
                                    std::to_string(result.answers.size())};
    if (along.divergences.empty()) {
      row.insert(row.end(), 6, "");
    } else {
      const double first = result.first_difference();
      row.insert(row.end(),
                 {fmt::format("{:.1f} %", 100 * result.equal_share()),
                  fmt::format("{:.1f} %", 100 * result.same_answers()),
                  std::isnan(first) ? "" : fmt::format("{:.1f}", first),
                  fmt::format("{:.4f}", along.kl_mean()), fmt::format("{:.3f}", along.kl_quantile(0.99)),
                  fmt::format("{:.2f} %", 100 * along.top1_agreement())});
    }
    row.push_back(result.cache.bytes > 0 ? fmt::format("{:.2f}x", result.cache.ratio()) : "");
    table.add_row(row);
  }
  return table.text();
}

}  // namespace kvcompress
