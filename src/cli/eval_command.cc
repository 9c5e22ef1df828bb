// kvcompress eval: quality of a compressed cache, always beside the full one.
#include <fmt/format.h>        // fmt::format, fmt::join
#include <kvcompress/error.h>  // UsageError

#include <CLI/CLI.hpp>  // CLI::App
#include <algorithm>    // std::find
#include <charconv>     // std::from_chars

#include "base/nearest_name.h"  // nearest_name
#include "cli/commands.h"
#include "cli/eval_flags.h"  // EvalFlags, eval_ppl, eval_fidelity, eval_task

namespace kvcompress {
namespace {

constexpr const char* kProtocol =
    "ppl: the text is cut into windows of --context + --target + 1 tokens, one every --stride tokens (of a "
    "folder, the first window of each file, then the second of each, and so on). Of each window, C = "
    "--context tokens are read and compressed; then each of the T = --target tokens after them is fed to the "
    "compressed cache and its successor is scored, teacher-forced. --context 0 scores a whole window: with "
    "--target 2047 all of 2048 tokens. A model that adds BOS has it in place of each window's first token. "
    "--mode stream feeds one token at a time from the first, with compression after each; its --context is 0 "
    "and its --target 2047 unless given.\n"
    "fidelity: each prompt of --data (text files, or JSONL with a field prompt, input or turns) is answered "
    "greedily from the full cache and from each compressed one; the divergence is taken along the full "
    "cache's answer.\n"
    "All other tasks: a context is read once and compressed, then each question on it is read and answered "
    "from a copy of that cache. Raw completion unless --chat.";

const std::vector<std::string> kPplOnly = {"--context", "--target", "--stride", "--mode", "--attention"};
const std::vector<std::string> kTaskOnly = {"--length", "--lines", "--questions", "--variant",
                                            "--depth",  "--seed",  "--question"};
const std::vector<std::string> kAnsweredOnly = {"--chat"};
const std::vector<std::string> kFidelityOnly = {"--predict"};

std::vector<std::string> all_tasks() {
  std::vector<std::string> names = {"ppl", "fidelity"};
  for (const std::string& name : task_names()) names.push_back(name);
  return names;
}

void check_task(const std::string& task) {
  const std::vector<std::string> known = all_tasks();
  if (std::find(known.begin(), known.end(), task) != known.end()) return;
  if (task.empty())
    throw UsageError(fmt::format("[eval] expected a task, got none: {}", fmt::join(known, ", ")));
  throw UsageError(fmt::format("[eval] expected a task, got '{}'; the nearest is '{}', all are {}", task,
                               nearest_name(task, known), fmt::join(known, ", ")));
}

// An option that the task has no use for is an error: its user expects something of it.
void check_options(const CLI::App& app, const std::string& task) {
  const auto refuse = [&](const std::vector<std::string>& names, const std::string& belongs) {
    for (const std::string& name : names) {
      if (app.count(name) == 0) continue;
      throw UsageError(
          fmt::format("[{}] expected with {} only, got it with {}; leave it out", name, belongs, task));
    }
  };
  const bool ppl = task == "ppl", fidelity = task == "fidelity";
  if (!ppl) refuse(kPplOnly, "ppl");
  if (!fidelity) refuse(kFidelityOnly, "fidelity");
  if (ppl || fidelity) refuse(kTaskOnly, "tasks that ask questions");
  if (ppl) refuse(kAnsweredOnly, "tasks that are answered");
}

std::vector<double> parse_depths(const std::string& text) {
  std::vector<double> depths;
  if (text.empty()) return depths;
  for (const std::string& part : split(text, ',')) {
    double value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || !(value >= 0 && value <= 100)) {
      throw UsageError(fmt::format("[--depth] expected percentages as in 0,50,100, got '{}'", text));
    }
    depths.push_back(value);
  }
  return depths;
}

int eval(EvalFlags& flags, const CLI::App& app) {
  flags.output.apply();
  check_task(flags.task);
  check_options(app, flags.task);
  if (flags.task == "ppl") return eval_ppl(flags);
  if (flags.task == "fidelity") return eval_fidelity(flags);
  flags.settings.depths = parse_depths(flags.depths);
  return eval_task(flags);
}

void declare_ppl(CLI::App& app, const std::shared_ptr<EvalFlags>& flags) {
  app.add_option("--context", flags->plan.context, "ppl: tokens read and compressed before scoring")
      ->type_name("C")
      ->capture_default_str()
      ->each([flags](const std::string&) { flags->context_given = true; });
  app.add_option("--target", flags->plan.target, "ppl: tokens fed after the context")
      ->type_name("T")
      ->capture_default_str()
      ->each([flags](const std::string&) { flags->target_given = true; });
  app.add_option("--stride", flags->plan.stride, "ppl: tokens from the start of a window to the next")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--mode", flags->mode, "ppl: how tokens are fed")
      ->type_name("two-phase|stream")
      ->capture_default_str();
  app.add_flag("--attention", flags->attention,
               "ppl: KV hit and output error of the attention against a full shadow cache as well (slower)");
}

void declare_questions(CLI::App& app, const std::shared_ptr<EvalFlags>& flags) {
  TaskSettings& settings = flags->settings;
  app.add_option("--length", settings.length, "tokens of a sample at most (default: the task's own)")
      ->type_name("N");
  app.add_option("--questions", settings.questions, "questions on one context (default: the task's own)")
      ->type_name("N");
  app.add_option("--lines", settings.lines, "longeval: lines of a record that stay (default: all)")
      ->type_name("N");
  app.add_option("--variant", settings.variant, "sub-tasks, as niah_single_1,vt for ruler")
      ->type_name("A,B,..");
  app.add_option("--depth", flags->depths, "passkey, needle: where the fact stands, in percent: 0,50,100")
      ->type_name("X,Y,..");
  app.add_option("--seed", settings.seed, "of generated samples")->type_name("N")->capture_default_str();
  app.add_option("--question", flags->question,
                 "hidden: read after the context was compressed; visible: compressed together with it")
      ->type_name("hidden|visible")
      ->capture_default_str();
  app.add_flag("--chat", flags->chat, "prompts in the model's chat template");
}

}  // namespace

std::vector<EvaluatedRecipe> EvalFlags::recipes() const {
  std::vector<EvaluatedRecipe> recipes;
  for (auto& named : recipe.grid()) recipes.push_back({std::move(named.recipe), named.budget});
  return recipes;
}

TaskRunSettings EvalFlags::run_settings() const {
  if (question != "hidden" && question != "visible") {
    throw UsageError(fmt::format("[--question] expected hidden or visible, got '{}'", question));
  }
  return {.visible = question == "visible", .chat = chat, .prefill = recipe.prefill()};
}

CommandBody declare_eval(CLI::App& app) {
  const auto flags = std::make_shared<EvalFlags>();
  app.footer(kProtocol);
  app.add_option("task", flags->task, fmt::format("{}", fmt::join(all_tasks(), ", ")))->type_name("TASK");
  flags->model.declare(app, "-c,--context-size");  // --context is the task's
  flags->recipe.declare(app, /*several=*/true);
  app.add_option("--data", flags->settings.data,
                 "what the task reads: a file, its folder, or the folder of all")
      ->type_name("DIR|FILE");
  app.add_option("--limit", flags->settings.limit, "windows, prompts or questions at most; 0: all")
      ->type_name("N")
      ->capture_default_str();
  declare_ppl(app, flags);
  declare_questions(app, flags);
  app.add_option("-n,--predict", flags->predict, "fidelity: tokens of an answer at most")
      ->type_name("N")
      ->capture_default_str();
  flags->output.declare(app, /*writes_file=*/true, /*gated=*/true, /*progress=*/true);
  return [flags, &app] { return eval(*flags, app); };
}

}  // namespace kvcompress
