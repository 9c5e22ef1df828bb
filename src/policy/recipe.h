// A recipe: one answer for each of the six stages. Written as a preset name, a YAML file, A+B, and overrides.
#pragma once

#include <memory>       // std::shared_ptr
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "policy/budget.h"        // BudgetSettings
#include "policy/refit_policy.h"  // RefitPolicy
#include "policy/score_policy.h"  // ScorePolicy
#include "policy/selection.h"     // WeightPolicy, SelectPolicy
#include "policy/store_policy.h"  // StorePolicy

namespace kvcompress {

struct Recipe {
  std::string name = "full";
  std::string summary;
  std::string source;  // paper or code the method is from
  std::string propagate = "all";
  std::string score_kind = "none";
  std::shared_ptr<const ScorePolicy> score;  // null when nothing is scored
  std::string weight_kind = "none";
  std::shared_ptr<const WeightPolicy> weight;  // null: scores stay as they are
  std::string select_kind = "best";
  std::shared_ptr<const SelectPolicy> select;  // null: the best scores
  std::string refit_kind = "none";
  std::shared_ptr<const RefitPolicy> refit;  // null: kept tokens stay as they were read
  BudgetSettings budget;
  std::string store_kind = "f16";
  std::shared_ptr<const StorePolicy> store;  // null: f16
  std::string schedule = "none";
  std::string route = "none";

  std::vector<CalibrationPtr> calibrations;  // of its calibration_kinds(), from the caller

  // Whether tokens are evicted, and whether the cache is anything other than all tokens in f16.
  bool evicts() const { return budget.unit != BudgetSettings::Unit::none; }
  bool compresses() const { return evicts() || store != nullptr; }
  // What the engine must compute for it.
  ScoreNeeds needs() const;
  // Kinds of calibration that its answers cannot work without, each once.
  std::vector<std::string> calibration_kinds() const;
  // The one given of a kind; null for an empty kind. Throws UsageError when there is none.
  const Calibration* calibration(const std::string& kind) const;
};

// How a recipe is asked for on the command line.
struct RecipeRequest {
  std::string recipe;  // NAME | FILE.yaml | A+B; empty: full, or auto when only a budget is given
  std::vector<std::string> overrides;  // "stage.key=value"
  std::string budget;                  // "1024", "25%", "64MiB"; empty: as the recipe says
};

// Throws UsageError: file, line and key of what is wrong, the nearest known name, or the two settings that
// clash; IoError for a file that cannot be read.
Recipe resolve_recipe(const RecipeRequest& request);
// The same for one YAML text; `origin` names it in errors. Safe for bytes from anywhere.
Recipe parse_recipe(std::string_view yaml, const std::string& origin);

// All presets of this build (embedded copies of recipes/**.yaml), sorted by name.
std::vector<std::string> preset_names();

// The recipe as YAML, with every parameter spelled out; parse_recipe of it gives the same recipe.
std::string to_yaml(const Recipe& recipe);
// One line for the receipt: "snapkv, 512 tokens a head, 4 sinks, 32 recent, f16".
std::string describe(const Recipe& recipe);

}  // namespace kvcompress
