#include <kvcompress/error.h>  // UsageError

#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "cli/console.h"       // log_info
#include "cli/eval_flags.h"    // EvalFlags
#include "cli/interrupt.h"     // StopOnInterrupt
#include "cli/progress_bar.h"  // ProgressBar
#include "cli/result.h"        // finish
#include "eval/fidelity.h"     // evaluate_fidelity

namespace kvcompress {
namespace {

const std::vector<std::string> kFields = {
    "samples",          "tokens",           "equal_tokens",   "same_answers",      "first_difference",
    "kl_mean",          "kl_p99",           "top1_agreement", "cache.bytes",       "cache.bytes_prompt",
    "cache.bytes_full", "cache.bytes_peak", "cache.ratio",    "cache.tokens_seen", "time.ttft_ms",
    "time.compress_ms"};

}  // namespace

int eval_fidelity(const EvalFlags& flags) {
  const std::string& data = flags.settings.data;
  if (data.empty()) {
    throw UsageError("[--data] expected text files or a JSONL file of prompts, got none; give --data");
  }
  check_range("--predict", flags.predict, 1, 1 << 20);
  check_range("--limit", flags.settings.limit, 0, int64_t{1} << 40);
  const FidelitySettings settings{.predict = flags.predict,
                                  .limit = flags.settings.limit,
                                  .chat = flags.chat,
                                  .prefill = flags.recipe.prefill()};
  const std::vector<Gate> gates = flags.output.gates(kFields);
  const EngineOptions options = flags.model.options();
  const std::vector<EvaluatedRecipe> recipes = flags.recipes();
  const std::vector<FidelityPrompt> prompts = read_prompts(data);

  Engine engine(flags.model.path, options);
  if (flags.output.verbose) log_info(engine.describe());
  ProgressBar bar("answering", "prompts", flags.output.shows_progress());
  const StopOnInterrupt stopping(engine.stop_flag());
  const std::vector<FidelityResult> results = evaluate_fidelity(
      engine, prompts, recipes, settings, [&](int64_t done, int64_t total) { bar.update(done, total); });
  bar.clear();
  const Json json = fidelity_json(engine, data, settings, results);
  return finish(flags.output, json, fidelity_table(results), gates, json["results"]);
}

}  // namespace kvcompress
