#include <fmt/format.h>  // fmt::format

#include <filesystem>         // std::filesystem::path
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/perplexity.h"
#include "eval/table.h"  // Table

namespace kvcompress {
Json perplexity_row(const PerplexityResult& result) {
  const bool compared = !result.sums.divergences.empty();
  Json json;
  json["recipe"] = result.evaluated.recipe.name;
  if (!result.evaluated.budget.empty()) json["budget"] = result.evaluated.budget;
  json["samples"] = result.samples;
  json["tokens"] = result.sums.tokens;
  json["perplexity"] = result.sums.perplexity();
  json["accuracy"] = result.sums.accuracy();
  if (compared) {
    json["kl_mean"] = result.sums.kl_mean();
    json["kl_p99"] = result.sums.kl_quantile(0.99);
    json["top1_agreement"] = result.sums.top1_agreement();
    json["perplexity_full"] = result.full.perplexity();
    json["accuracy_full"] = result.full.accuracy();
  }
  if (result.attention.heads > 0) {
    json["hit"] = result.attention.mean_hit();
    json["output_error"] = result.attention.mean_error();
  }
  json["fed"] = result.by_steps ? "one token at a time" : "in chunks";
  json["cache"] = to_json(result.cache, /*with_kept=*/false);
  Json time = Json::object();
  if (result.read_ms > 0) time["ttft_ms"] = result.read_ms;
  if (result.tokens_per_second > 0) time["tokens_per_second"] = result.tokens_per_second;
  json["time"] = time;
  return json;
}

namespace {

Json protocol_json(const Engine& engine, const PerplexitySettings& settings) {
  const bool stream = settings.mode == PerplexitySettings::Mode::stream;
  Json json;
  json["mode"] = stream ? "stream" : "two-phase";
  json["context"] = settings.plan.context;
  json["target"] = settings.plan.target;
  json["stride"] = settings.plan.stride;
  if (settings.plan.limit > 0) json["limit"] = settings.plan.limit;
  json["prefill"] = settings.prefill == PrefillMode::bounded ? "bounded" : "exact";
  json["precision"] = engine.options().precision == Precision::exact ? "exact" : "fast";
  json["bos_in_place_of_first_token"] = engine.vocabulary().adds_bos();
  json["scored"] = "the successor of each target token, teacher-forced";
  return json;
}

}  // namespace

Json perplexity_json(const Engine& engine, const std::string& data, const PerplexitySettings& settings,
                     const std::vector<PerplexityResult>& results) {
  Json json;
  json["task"] = "ppl";
  json["model"] = std::filesystem::path(engine.file().path()).filename().string();
  json["data"] = data;
  json["protocol"] = protocol_json(engine, settings);
  json["results"] = Json::array();
  for (const PerplexityResult& result : results) json["results"].push_back(perplexity_row(result));
  return json;
}

std::string perplexity_table(const std::vector<PerplexityResult>& results) {
  Table table({"recipe", "budget", "windows", "tokens", "perplexity", "full cache", "accuracy", "KL mean",
               "KL p99", "top-1 as full", "KV hit", "output error", "cache smaller"});
  for (const PerplexityResult& result : results) {
    const ScoreSums& sums = result.sums;
    std::vector<std::string> row = {result.evaluated.recipe.name, result.evaluated.budget,
                                    std::to_string(result.samples), std::to_string(sums.tokens),
                                    fmt::format("{:.4f}", sums.perplexity())};
    if (sums.divergences.empty()) {
      row.insert(row.end(), {"", fmt::format("{:.2f} %", 100 * sums.accuracy()), "", "", ""});
    } else {
      row.insert(
          row.end(),
          {fmt::format("{:.4f}", result.full.perplexity()), fmt::format("{:.2f} %", 100 * sums.accuracy()),
           fmt::format("{:.4f}", sums.kl_mean()), fmt::format("{:.3f}", sums.kl_quantile(0.99)),
           fmt::format("{:.2f} %", 100 * sums.top1_agreement())});
    }
    const bool attention = result.attention.heads > 0;
    row.push_back(attention ? fmt::format("{:.2f} %", 100 * result.attention.mean_hit()) : "");
    row.push_back(attention ? fmt::format("{:.4f}", result.attention.mean_error()) : "");
    row.push_back(result.cache.bytes > 0 ? fmt::format("{:.2f}x", result.cache.ratio()) : "");
    table.add_row(row);
  }
  return table.text();
}

}  // namespace kvcompress
