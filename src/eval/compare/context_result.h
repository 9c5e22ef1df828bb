// What the recipes reached on one context, as JSON that is stored until all contexts of the cell are done,
// and the row of the results that they make together.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "engine/receipt.h"     // Receipt
#include "eval/perplexity.h"    // PerplexityResult
#include "eval/receipt_json.h"  // Json
#include "eval/task_result.h"   // TaskResult

namespace kvcompress {

Json stored(const TaskResult& result);
Json stored(const PerplexityResult& result, const std::string& window);
Json stored(const Receipt& receipt, const std::string& run);

// The figures of a row: those of `eval`, and for intervals and pictures
//   "per_question": {"id", "score", "log_probability", "label_right", ..} or {"id", "nll", "kl", ..}, arrays
//   of the same length; "kept": {"heads": [layers][kv heads], "positions": [bins]} as shares of the context.
Json task_figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated);
Json perplexity_figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated);
// Medians over the runs.
Json speed_figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated);

}  // namespace kvcompress
