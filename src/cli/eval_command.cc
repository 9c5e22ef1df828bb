// kvcompress eval: quality of a compressed cache, always beside the full one.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include "base/nearest_name.h"  // nearest_name
#include "cli/commands.h"
#include "cli/console.h"       // log_info
#include "cli/interrupt.h"     // StopOnInterrupt
#include "cli/options.h"       // ModelFlags, RecipeFlags, OutputFlags
#include "cli/progress_bar.h"  // ProgressBar
#include "cli/result.h"        // finish
#include "eval/perplexity.h"   // evaluate_perplexity

namespace kvcompress {
namespace {

constexpr const char* kProtocol =
    "ppl: the text is cut into windows of --context + --target + 1 tokens, one every --stride tokens (of a "
    "folder, the "
    "first window of each file, then the second of each, and so on). Of each window, C = --context tokens "
    "are read and "
    "compressed; then each of the T = --target tokens after them is fed to the compressed cache and its "
    "successor is "
    "scored, teacher-forced. --context 0 scores a whole window: with --target 2047 all of 2048 tokens. "
    "A model that adds BOS has it in place of each window's first token. --mode stream feeds one token at a "
    "time from "
    "the first, with compression after each; its --context is 0 and its --target 2047 unless given.";

struct EvalFlags {
  ModelFlags model;
  RecipeFlags recipe;
  OutputFlags output;
  std::string task, data, mode = "two-phase";
  WindowPlan plan;
  bool context_given = false, target_given = false;
};

const std::vector<std::string> kTasks = {"ppl"};
const std::vector<std::string> kLaterTasks = {"passkey",  "needle", "ruler",     "longeval",
                                              "babilong", "icl",    "longbench", "fidelity"};

const std::vector<std::string> kEvalFields = {"samples",
                                              "tokens",
                                              "perplexity",
                                              "perplexity_full",
                                              "accuracy",
                                              "accuracy_full",
                                              "kl_mean",
                                              "kl_p99",
                                              "top1_agreement",
                                              "cache.bytes",
                                              "cache.bytes_prompt",
                                              "cache.bytes_full",
                                              "cache.bytes_peak",
                                              "cache.ratio",
                                              "cache.tokens_seen",
                                              "time.ttft_ms",
                                              "time.tokens_per_second"};

void check_task(const std::string& task) {
  if (task == "ppl") return;
  if (std::find(kLaterTasks.begin(), kLaterTasks.end(), task) != kLaterTasks.end()) {
    throw UsageError(
        fmt::format("[eval] expected a task of this version, got '{}', which is not in it; this version "
                    "has: ppl",
                    task));
  }
  std::vector<std::string> known = kTasks;
  known.insert(known.end(), kLaterTasks.begin(), kLaterTasks.end());
  throw UsageError(fmt::format("[eval] expected a task, got '{}'; the nearest is '{}', this version has: ppl",
                               task, nearest_name(task, known)));
}

PerplexitySettings settings_of(const EvalFlags& flags) {
  if (flags.mode != "two-phase" && flags.mode != "stream") {
    throw UsageError(fmt::format("[--mode] expected two-phase or stream, got '{}'", flags.mode));
  }
  PerplexitySettings settings;
  settings.plan = flags.plan;
  settings.prefill = flags.recipe.prefill();
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

int eval(const EvalFlags& flags) {
  flags.output.apply();
  check_task(flags.task);
  const PerplexitySettings settings = settings_of(flags);
  if (flags.data.empty())
    throw UsageError("[--data] expected a text file or a folder of them, got none; give --data");
  const std::vector<Gate> gates = flags.output.gates(kEvalFields);
  const EngineOptions options = flags.model.options();
  std::vector<EvaluatedRecipe> recipes;
  for (auto& named : flags.recipe.grid()) recipes.push_back({std::move(named.recipe), named.budget});
  const std::vector<TextFile> texts = read_texts(flags.data);

  Engine engine(flags.model.path, options);
  if (flags.output.verbose) log_info(engine.describe());
  const auto windows = cut_windows(texts, settings.plan, engine.vocabulary());
  ProgressBar bar("scoring", "tokens", flags.output.shows_progress());
  const StopOnInterrupt stopping(engine.stop_flag());
  const std::vector<PerplexityResult> results = evaluate_perplexity(
      engine, windows, recipes, settings, [&](int64_t done, int64_t total) { bar.update(done, total); });
  bar.clear();
  const Json json = perplexity_json(engine, flags.data, settings, results);
  return finish(flags.output, json, perplexity_table(results), gates, json["results"]);
}

}  // namespace

CommandBody declare_eval(CLI::App& app) {
  const auto flags = std::make_shared<EvalFlags>();
  app.footer(kProtocol);
  app.add_option("task", flags->task,
                 "ppl: perplexity of a text, KL divergence and top-1 agreement with the full cache")
      ->type_name("TASK");
  flags->model.declare(app, "-c,--context-size");  // --context is the task's
  flags->recipe.declare(app, /*several=*/true);
  app.add_option("--data", flags->data, "text file, or folder of text files")->type_name("DIR|FILE");
  app.add_option("--context", flags->plan.context, "tokens read and compressed before scoring")
      ->type_name("C")
      ->capture_default_str()
      ->each([flags](const std::string&) { flags->context_given = true; });
  app.add_option("--target", flags->plan.target, "tokens fed after the context")
      ->type_name("T")
      ->capture_default_str()
      ->each([flags](const std::string&) { flags->target_given = true; });
  app.add_option("--stride", flags->plan.stride, "tokens from the start of a window to the next")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--limit", flags->plan.limit, "windows at most; 0: all")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--mode", flags->mode, "how tokens are fed")
      ->type_name("two-phase|stream")
      ->capture_default_str();
  flags->output.declare(app, /*writes_file=*/true, /*gated=*/true, /*progress=*/true);
  return [flags] { return eval(*flags); };
}

}  // namespace kvcompress
