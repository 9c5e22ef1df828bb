#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "cli/console.h"       // log_info
#include "cli/eval_flags.h"    // EvalFlags
#include "cli/interrupt.h"     // StopOnInterrupt
#include "cli/progress_bar.h"  // ProgressBar
#include "cli/result.h"        // finish
#include "eval/task_report.h"  // task_json, task_table

namespace kvcompress {
namespace {

const std::vector<std::string> kFields = {"samples",
                                          "contexts",
                                          "tokens",
                                          "score",
                                          "score_full",
                                          "hit",
                                          "hit_full",
                                          "log_probability",
                                          "exact",
                                          "exact_full",
                                          "log_probability_full",
                                          "accuracy",
                                          "accuracy_full",
                                          "cache.bytes",
                                          "cache.bytes_prompt",
                                          "cache.bytes_full",
                                          "cache.bytes_peak",
                                          "cache.ratio",
                                          "cache.tokens_seen",
                                          "time.ttft_ms",
                                          "time.compress_ms",
                                          "time.tokens_per_second"};

}  // namespace

int eval_task(const EvalFlags& flags) {
  const Task& task = find_task(flags.task);
  const TaskRunSettings settings = flags.run_settings();
  const std::vector<Gate> gates = flags.output.gates(kFields);
  const EngineOptions options = flags.model.options();
  const std::vector<EvaluatedRecipe> recipes = flags.recipes();

  Engine engine(flags.model.path, options);
  if (flags.output.verbose) log_info(engine.describe());
  const std::vector<TaskSample> samples = task.make(flags.settings, token_counter(engine));
  ProgressBar bar("asking", "questions", flags.output.shows_progress());
  const StopOnInterrupt stopping(engine.stop_flag());
  const std::vector<TaskResult> results = run_task(
      engine, samples, recipes, settings, [&](int64_t done, int64_t total) { bar.update(done, total); });
  bar.clear();
  const Json json = task_json(engine, flags.task, flags.settings, settings, results);
  return finish(flags.output, json, task_table(results), gates, json["results"]);
}

}  // namespace kvcompress
