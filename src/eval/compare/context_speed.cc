// Results of the task `speed`: what one user waits for, measured alone.
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/statistics.h"  // median
#include "eval/compare/context_result.h"

namespace kvcompress {
namespace {

double median_of(const std::vector<Json>& runs, const char* key) {
  std::vector<double> values;
  for (const Json& run : runs) values.push_back(run.at(key));
  return median(values);
}

}  // namespace

Json stored(const Receipt& receipt, const std::string& run) {
  return {{"id", run},
          {"prompt", receipt.prompt_tokens},
          {"generated", receipt.generated_tokens},
          {"ttft_ms", receipt.time.ttft_ms},
          {"compress_ms", receipt.time.compress_ms},
          {"tpot_median_ms", receipt.time.tpot_median_ms},
          {"tpot_p95_ms", receipt.time.tpot_p95_ms},
          {"tokens_per_second", receipt.time.tokens_per_second},
          {"cache", to_json(receipt.cache, /*with_kept=*/false)},
          {"kept", receipt.cache.kept}};
}

Json speed_figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated) {
  const Json& last = contexts.back();
  const double seen = last.at("cache").at("tokens_seen");
  Json figures;
  figures["recipe"] = evaluated.recipe.name;
  figures["samples"] = contexts.size();
  figures["tokens"] = last.at("generated");
  figures["cache"] = last.at("cache");
  figures["time"] = {
      {"ttft_ms", median_of(contexts, "ttft_ms")},
      {"compress_ms", median_of(contexts, "compress_ms")},
      {"tpot_ms",
       {{"median", median_of(contexts, "tpot_median_ms")}, {"p95", median_of(contexts, "tpot_p95_ms")}}},
      {"tokens_per_second", median_of(contexts, "tokens_per_second")}};
  for (const Json& run : contexts) {
    figures["per_question"]["id"].push_back(run.at("id"));
    for (const char* key : {"ttft_ms", "tpot_median_ms", "tokens_per_second"}) {
      figures["per_question"][key].push_back(run.at(key));
    }
  }
  for (const Json& layer : last.at("kept")) {
    Json shares = Json::array();
    for (const Json& slots : layer) shares.push_back(slots.get<double>() / seen);
    figures["kept"]["heads"].push_back(shares);
  }
  return figures;
}

}  // namespace kvcompress
