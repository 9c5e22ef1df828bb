// Asks a model the questions of a task from compressed caches, with the full cache always beside them.
//
// A context is read once for all recipes (exact prefill), compressed for each, and every question goes to a
// fork of the compressed cache. With `visible` the question is read before the compression; with bounded
// prefill every recipe reads for itself, because it compresses while reading.
#pragma once

#include <functional>  // std::function
#include <vector>      // std::vector

#include "engine/engine.h"     // Engine, PrefillMode
#include "eval/task_result.h"  // TaskResult
#include "eval/tasks/task.h"   // TaskSample

namespace kvcompress {

struct TaskRunSettings {
  bool visible = false;  // the question is compressed together with the context
  bool chat = false;     // context and question are one user message of the model's chat template
  PrefillMode prefill = PrefillMode::exact;
};

// One result for each recipe, in their order. on_progress counts questions times caches.
// Throws UsageError for a sample beyond the engine's context, a budget that cannot be met, a missing profile;
// CapacityError when the caches would not fit into memory: all before any work.
std::vector<TaskResult> run_task(Engine& engine, const std::vector<TaskSample>& samples,
                                 const std::vector<EvaluatedRecipe>& recipes, const TaskRunSettings& settings,
                                 const std::function<void(int64_t done, int64_t total)>& on_progress);

// Tokens of a text by the engine's vocabulary, for Task::make().
TokenCounter token_counter(const Engine& engine);

}  // namespace kvcompress
