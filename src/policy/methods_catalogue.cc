#include "policy/methods_catalogue.h"

#include "policy/messages.h"  // name_advice, in_quotes
#include "policy/registry.h"  // all_stages, registry

namespace kvcompress {
namespace {

// The questions inside `budget` as rows beside its own settings.
std::vector<ParameterRow> budget_rows(const BudgetSettings& budget) {
  std::vector<ParameterRow> rows = parameter_rows(budget);
  rows.push_back({"layers", "answer", budget.layers, joined(registry().names(Stage::layers)),
                  "how the sum is shared among layers: a name, or {kind: NAME, ...}"});
  rows.push_back({"heads", "answer", budget.heads, joined(registry().names(Stage::heads)),
                  "how a layer's sum is shared among its KV heads: a name, or {kind: NAME, ...}"});
  return rows;
}

CatalogueStage budget_stage() {
  return {
      "budget",
      "How much may each layer and each head keep?",
      {{"settings", "one amount (tokens, keep or bytes; none: nothing is evicted) and what is always kept",
        "", budget_rows(BudgetSettings{})}}};
}

std::vector<ParameterRow> score_rows(const Recipe& recipe) {
  std::vector<ParameterRow> rows;
  if (recipe.score) rows = parameter_rows(*recipe.score);
  const auto add = [&rows](Stage stage, const char* name, const std::string& kind, const char* help) {
    rows.push_back({name, "answer", kind, joined(registry().names(stage)), help});
  };
  if (recipe.weight) add(Stage::weight, "weight", recipe.weight_kind, "how values change the scores");
  if (recipe.select) add(Stage::select, "select", recipe.select_kind, "which tokens are kept together");
  if (recipe.refit) add(Stage::refit, "refit", recipe.refit_kind, "what is kept answers for what is gone");
  return rows;
}

std::vector<CatalogueAnswer> answers_of(Stage stage) {
  std::vector<CatalogueAnswer> answers;
  for (const std::string& name : registry().names(stage)) {
    const AnswerInfo& info = *registry().find(stage, name);
    answers.push_back({info.name, info.summary, info.source, parameter_rows(*info.make())});
  }
  return answers;
}

}  // namespace

Catalogue make_catalogue() {
  Catalogue catalogue;
  for (const std::string& name : preset_names()) catalogue.recipes.push_back(resolve_recipe({name, {}, {}}));
  for (const StageInfo& info : all_stages()) {
    if (info.stage == Stage::layers) catalogue.stages.push_back(budget_stage());
    catalogue.stages.push_back({std::string(info.name), std::string(info.question), answers_of(info.stage)});
  }
  return catalogue;
}

std::vector<std::pair<std::string, RecipeChoice>> recipe_choices(const Recipe& recipe) {
  return {{"propagate", {recipe.propagate, {}}},
          {"score", {recipe.score_kind, score_rows(recipe)}},
          {"budget", {recipe.evicts() ? "" : "none", budget_rows(recipe.budget)}},
          {"store",
           {recipe.store_kind, recipe.store ? parameter_rows(*recipe.store) : std::vector<ParameterRow>{}}},
          {"schedule", {recipe.schedule, {}}},
          {"route", {recipe.route, {}}}};
}

}  // namespace kvcompress
