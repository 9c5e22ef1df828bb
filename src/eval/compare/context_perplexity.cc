// Results of the task `ppl`.
#include <algorithm>          // std::max
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/compare/context_result.h"
#include "eval/compare/stored_parts.h"  // accumulate

namespace kvcompress {
namespace {

Json stored(const ScoreSums& sums) {
  return {{"tokens", sums.tokens},
          {"correct", sums.correct},
          {"nll", sums.negative_log_likelihood},
          {"agreed", sums.agreed},
          {"divergences", sums.divergences}};
}

void add(ScoreSums& sum, const Json& json) {
  sum.tokens += json.at("tokens").get<int64_t>();
  sum.correct += json.at("correct").get<int64_t>();
  sum.negative_log_likelihood += json.at("nll").get<double>();
  sum.agreed += json.at("agreed").get<int64_t>();
  for (const Json& divergence : json.at("divergences")) sum.divergences.push_back(divergence);
}

// Slots over tokens of every layer and KV head at a window's end.
Shares kept_shares(const CacheReceipt& cache) {
  Shares shares;
  for (const std::vector<int>& layer : cache.kept) {
    shares.emplace_back();
    for (const int slots : layer) {
      shares.back().push_back(slots / static_cast<double>(std::max<int64_t>(cache.tokens_seen, 1)));
    }
  }
  return shares;
}

Json per_window(const std::vector<Json>& contexts) {
  Json arrays;
  for (const Json& context : contexts) {
    const Json& sums = context.at("sums");
    const double tokens = sums.at("tokens").get<double>();
    arrays["id"].push_back(context.at("id"));
    arrays["tokens"].push_back(tokens);
    arrays["nll"].push_back(sums.at("nll").get<double>() / tokens);
    arrays["accuracy"].push_back(sums.at("correct").get<double>() / tokens);
    if (sums.at("divergences").empty()) continue;
    double divergence = 0;
    for (const Json& value : sums.at("divergences")) divergence += value.get<double>();
    arrays["kl_mean"].push_back(divergence / tokens);
    arrays["top1_agreement"].push_back(sums.at("agreed").get<double>() / tokens);
  }
  return arrays;
}

}  // namespace

Json stored(const PerplexityResult& result, const std::string& window) {
  return {{"id", window},
          {"sums", stored(result.sums)},
          {"full", stored(result.full)},
          {"cache", stored_cache(result.cache)},
          {"kept_heads", kept_shares(result.cache)},
          {"ttft_ms", result.read_ms},
          {"tokens_per_second", result.tokens_per_second},
          {"by_steps", result.by_steps}};
}

Json perplexity_figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated) {
  PerplexityResult sum;
  sum.evaluated = evaluated;
  Shares kept;
  for (const Json& context : contexts) {
    const double weight = 1.0 / static_cast<double>(contexts.size());
    sum.samples++;
    add(sum.sums, context.at("sums"));
    add(sum.full, context.at("full"));
    accumulate(sum.cache, cache_of(context.at("cache")), weight);
    accumulate(kept, context.at("kept_heads").get<Shares>(), weight);
    sum.read_ms += weight * context.at("ttft_ms").get<double>();
    sum.tokens_per_second += weight * context.at("tokens_per_second").get<double>();
    sum.by_steps = context.at("by_steps");
  }
  Json figures = perplexity_row(sum);
  if (sum.tokens_per_second > 0) figures["time"]["tpot_ms"] = {{"mean", 1000 / sum.tokens_per_second}};
  figures["per_question"] = per_window(contexts);
  if (!kept.empty()) figures["kept"]["heads"] = kept;
  return figures;
}

}  // namespace kvcompress
