// A suite: which models answer which tasks with which recipes at which budgets. One YAML file.
#pragma once

#include <nlohmann/json.hpp>  // nlohmann::ordered_json
#include <string>             // std::string
#include <vector>             // std::vector

#include "eval/perplexity.h"     // PerplexitySettings
#include "eval/receipt_json.h"   // Json
#include "eval/tasks/task.h"     // TaskSettings
#include "policy/calibration.h"  // CalibrationPtr

namespace kvcompress {

// bytes: every recipe gets the bytes of a uniform cache that keeps the nominal budget in every layer and
// head. nominal: every recipe gets the amount as it is written.
enum class BudgetAxis { bytes, nominal };

struct SuiteModel {
  std::string name, path;
  std::string hash;                // as profiles have it; empty when the file is not there
  std::vector<std::string> tasks;  // labels; empty: all
  std::vector<CalibrationPtr> profiles;
  int line = 0;
};

struct SuiteTask {
  std::string task, label;
  std::vector<std::string> models;                    // names; empty: all
  TaskSettings settings;                              // of every task but ppl and speed; `data` of all
  PerplexitySettings perplexity;                      // of ppl
  int64_t prompt = 2000, generate = 64, repeats = 3;  // of speed: tokens, tokens, times
  Json shown;                                         // the settings as the suite gives them
  int line = 0;
  bool is_perplexity() const { return task == "ppl"; }
  bool is_speed() const { return task == "speed"; }
};

// A recipe with the settings of one of its budgets.
struct SuiteVariant {
  std::string budget;                  // as written; empty: the recipe's own
  std::vector<std::string> overrides;  // STAGE.KEY=VALUE
  Json claimed;                        // label of a task -> figures published elsewhere; "*": every task
};

struct SuiteRecipe {
  std::string recipe, label;
  std::vector<std::string> models;  // names; empty: all
  std::vector<SuiteVariant> variants;
  int line = 0;
};

struct Suite {
  std::string name, summary, origin;
  BudgetAxis axis = BudgetAxis::bytes;
  bool visible = false, chat = false;
  PrefillMode prefill = PrefillMode::exact;
  std::vector<SuiteModel> models;
  std::vector<SuiteRecipe> recipes;  // `full` is the first
  std::vector<SuiteTask> tasks;
};

// Whether a list of names holds one; an empty list holds every one.
bool listed_or_all(const std::vector<std::string>& names, const std::string& name);

struct SuiteFolders {
  std::string data = ".";  // what the suite's data paths start from
  std::string models;      // where models given by name are; profiles start from the suite's own folder
};

// Throws UsageError with a line for every mistake: unknown keys, recipes, tasks and settings, and models,
// profiles and data that are not there. Nothing is run. IoError when the suite itself cannot be read.
Suite read_suite(const std::string& path, const SuiteFolders& folders);
// The same of a text; `origin` names it in errors.
Suite parse_suite(const std::string& text, const std::string& origin, const SuiteFolders& folders);

// The recipe of a variant at a budget (empty: its own), with the model's profiles attached. The budget is the
// suite's or the bytes that stand for it.
Recipe suite_recipe(const SuiteRecipe& recipe, const SuiteVariant& variant, const SuiteModel& model,
                    const std::string& budget);

}  // namespace kvcompress
