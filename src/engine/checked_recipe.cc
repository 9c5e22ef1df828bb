#include "engine/checked_recipe.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

namespace kvcompress {

void check_recipe(const Recipe& recipe, PrefillMode prefill, const RecipePlace& place) {
  for (const std::string& kind : recipe.calibration_kinds()) recipe.calibration(kind);
  for (const CalibrationPtr& given : recipe.calibrations) {
    if (given->model_hash == place.model_hash) continue;
    throw UsageError(
        fmt::format("[profile] expected one of the model {} (hash {}), got one of {} (hash {}); make one "
                    "with kvcompress "
                    "calibrate {}",
                    place.model_path, place.model_hash, given->model, given->model_hash, given->kind));
  }
  if (recipe.needs().replay_chunk > 0 && prefill == PrefillMode::bounded) {
    throw UsageError(
        fmt::format("[prefill] expected exact with the score {}, which replays the whole prompt, got "
                    "bounded; leave out "
                    "--prefill bounded or take another recipe",
                    recipe.score_kind));
  }
  const bool guards = recipe.store && recipe.store->guards() > 0;
  if ((recipe.refit || guards) && prefill == PrefillMode::bounded) {
    throw UsageError(
        fmt::format("[prefill] expected exact with {}, which is settled at the prompt's end, got bounded; "
                    "leave out --prefill bounded or take another recipe",
                    recipe.refit ? "score.refit" : "store.guards"));
  }
  if (recipe.budget.unit == BudgetSettings::Unit::tokens && recipe.budget.tokens > place.context) {
    throw UsageError(
        fmt::format("[budget] expected at most the context of {} tokens, got {}; give a smaller budget",
                    place.context, recipe.budget.tokens));
  }
}

}  // namespace kvcompress
