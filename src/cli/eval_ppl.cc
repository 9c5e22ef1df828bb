#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "cli/console.h"       // log_info
#include "cli/eval_flags.h"    // EvalFlags
#include "cli/interrupt.h"     // StopOnInterrupt
#include "cli/progress_bar.h"  // ProgressBar
#include "cli/result.h"        // finish
#include "eval/perplexity.h"   // evaluate_perplexity

namespace kvcompress {
namespace {

const std::vector<std::string> kFields = {"samples",
                                          "tokens",
                                          "perplexity",
                                          "perplexity_full",
                                          "accuracy",
                                          "accuracy_full",
                                          "kl_mean",
                                          "kl_p99",
                                          "top1_agreement",
                                          "hit",
                                          "output_error",
                                          "cache.bytes",
                                          "cache.bytes_prompt",
                                          "cache.bytes_full",
                                          "cache.bytes_peak",
                                          "cache.ratio",
                                          "cache.tokens_seen",
                                          "time.ttft_ms",
                                          "time.tokens_per_second"};

PerplexitySettings settings_of(const EvalFlags& flags) {
  if (flags.mode != "two-phase" && flags.mode != "stream") {
    throw UsageError(fmt::format("[--mode] expected two-phase or stream, got '{}'", flags.mode));
  }
  PerplexitySettings settings;
  settings.plan = flags.plan;
  settings.plan.limit = flags.settings.limit;
  settings.prefill = flags.recipe.prefill();
  settings.attention = flags.attention;
  if (flags.mode == "stream") {
    settings.mode = PerplexitySettings::Mode::stream;
    if (!flags.context_given) settings.plan.context = 0;
    if (!flags.target_given) settings.plan.target = 2047;
  }
  check_range("--context", settings.plan.context, 0, int64_t{1} << 30);
  check_range("--target", settings.plan.target, 1, int64_t{1} << 30);
  check_range("--stride", settings.plan.stride, 1, int64_t{1} << 40);
  check_range("--limit", settings.plan.limit, 0, int64_t{1} << 40);
  return settings;
}

}  // namespace

int eval_ppl(const EvalFlags& flags) {
  const PerplexitySettings settings = settings_of(flags);
  const std::string& data = flags.settings.data;
  if (data.empty())
    throw UsageError("[--data] expected a text file or a folder of them, got none; give --data");
  const std::vector<Gate> gates = flags.output.gates(kFields);
  const EngineOptions options = flags.model.options();
  const std::vector<EvaluatedRecipe> recipes = flags.recipes();
  const std::vector<TextFile> texts = read_texts(data);

  Engine engine(flags.model.path, options);
  if (flags.output.verbose) log_info(engine.describe());
  const auto windows = cut_windows(texts, settings.plan, engine.vocabulary());
  ProgressBar bar("scoring", "tokens", flags.output.shows_progress());
  const StopOnInterrupt stopping(engine.stop_flag());
  const std::vector<PerplexityResult> results = evaluate_perplexity(
      engine, windows, recipes, settings, [&](int64_t done, int64_t total) { bar.update(done, total); });
  bar.clear();
  const Json json = perplexity_json(engine, data, settings, results);
  return finish(flags.output, json, perplexity_table(results), gates, json["results"]);
}

}  // namespace kvcompress
