// What `kvcompress eval` is asked for, and its tasks, one file each.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "cli/options.h"        // ModelFlags, RecipeFlags, OutputFlags
#include "eval/task_runner.h"   // TaskSettings, TaskRunSettings
#include "eval/text_windows.h"  // WindowPlan

namespace kvcompress {

struct EvalFlags {
  ModelFlags model;
  RecipeFlags recipe;
  OutputFlags output;
  std::string task;
  TaskSettings settings;
  std::string question = "hidden", depths;
  bool chat = false;
  int64_t predict = 128;  // fidelity: tokens of an answer
  // ppl
  std::string mode = "two-phase";
  bool attention = false;
  WindowPlan plan;
  bool context_given = false, target_given = false;

  std::vector<EvaluatedRecipe> recipes() const;
  TaskRunSettings run_settings() const;  // UsageError for a value that is none of its choices
};

int eval_ppl(const EvalFlags& flags);
int eval_fidelity(const EvalFlags& flags);
int eval_task(const EvalFlags& flags);  // those of eval/tasks/task.h

}  // namespace kvcompress
