// Task `ppl`: how well the model predicts a text from a compressed cache, and how far that is from the full
// cache.
#pragma once

#include <functional>  // std::function
#include <string>      // std::string
#include <vector>      // std::vector

#include "engine/engine.h"          // Engine
#include "eval/attention_probe.h"   // AttentionSums
#include "eval/evaluated_recipe.h"  // EvaluatedRecipe
#include "eval/receipt_json.h"      // Json
#include "eval/text_windows.h"      // WindowPlan
#include "eval/token_score.h"       // ScoreSums

namespace kvcompress {

struct PerplexitySettings {
  // two_phase: the context is read on the prefill path and compressed, then the target is fed. stream: every
  // token of a window goes through decode, with compression after each; the context's are fed and not scored.
  enum class Mode { two_phase, stream };
  Mode mode = Mode::two_phase;
  PrefillMode prefill = PrefillMode::exact;
  bool attention = false;  // measure KV hit and output error (eval/attention_probe.h); exact prefill only
  WindowPlan plan;
};

// Of one window: this cache, and the full one on the same tokens.
struct WindowSums {
  int64_t tokens = 0, correct = 0, correct_full = 0;
  double negative_log_likelihood = 0, negative_log_likelihood_full = 0;
  double divergence = 0;  // summed over the tokens; 0 for the full cache itself
  int64_t agreed = 0;     // tokens with the full cache's best
};

struct PerplexityResult {
  EvaluatedRecipe evaluated;
  int64_t samples = 0;  // windows
  ScoreSums sums;
  ScoreSums full;                   // the full cache on the same tokens by the same path
  std::vector<WindowSums> windows;  // [samples] in their order
  AttentionSums attention;          // of all windows; nothing unless asked for
  CacheReceipt cache;               // mean over the windows, at their ends
  double read_ms = 0;               // mean time to read and compress a context; 0 when there is none
  double tokens_per_second = 0;     // of the target, scoring left out
  bool by_steps = false;            // the target went through decode, one token at a time
};

// How a recipe's target is fed depends on the recipe alone, so a figure never depends on what else is in the
// list: in chunks on the prefill path where nothing is evicted while decoding (full, budget.decode: grow),
// and one token at a time where the budget is held. The full cache beside it takes the same path.
std::vector<PerplexityResult> evaluate_perplexity(
    Engine& engine, const std::vector<std::vector<int32_t>>& windows,
    const std::vector<EvaluatedRecipe>& recipes, const PerplexitySettings& settings,
    const std::function<void(int64_t done, int64_t total)>& on_progress);

// One row of `results` of the `eval` object of interface, that object, and its table for people.
Json perplexity_row(const PerplexityResult& result);
Json perplexity_json(const Engine& engine, const std::string& data, const PerplexitySettings& settings,
                     const std::vector<PerplexityResult>& results);
std::string perplexity_table(const std::vector<PerplexityResult>& results);

}  // namespace kvcompress
