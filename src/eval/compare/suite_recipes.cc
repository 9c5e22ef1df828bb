// The recipes of a suite with the settings that belong to one budget.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // Error

#include <algorithm>          // std::find_if
#include <charconv>           // std::from_chars
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/compare/suite_parts.h"
#include "policy/calibrations_shipped.h"  // attach_shipped
#include "policy/recipe.h"                // resolve_recipe

namespace kvcompress {
namespace {

// {TASK: {FIGURE: NUMBER}}; figures without a task stand for every task, "*".
Json read_claimed(const YamlNode* node, Problems& problems) {
  Json claimed = Json::object();
  if (node == nullptr) return claimed;
  for (const YamlNode& entry : node->entries) {
    if (entry.kind == YamlNode::Kind::map) {
      claimed[entry.key] = read_claimed(&entry, problems)["*"];
      continue;
    }
    double value = 0;
    const std::string& text = entry.text;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (entry.kind != YamlNode::Kind::value || error != std::errc() || end != text.data() + text.size()) {
      problems.add(entry.line, fmt::format("expected a number for the claimed {}, got '{}'; correct it",
                                           entry.key, text));
      continue;
    }
    claimed["*"][entry.key] = value;
  }
  return claimed;
}

std::vector<std::string> joined(std::vector<std::string> first, const std::vector<std::string>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

void read_variants(SuiteNode& node, const std::vector<std::string>& suite_budgets, SuiteRecipe& recipe) {
  const std::vector<std::string> overrides = node.texts("set");
  Json claimed = read_claimed(node.node("claimed"), node.problems());
  std::vector<std::string> budgets = node.has("budgets") ? node.texts("budgets") : suite_budgets;
  if (recipe.recipe == "full") budgets = {""};
  if (budgets.size() == 1 && budgets[0] == "own") budgets = {""};
  if (budgets.empty()) budgets = {""};
  const YamlNode* at = node.node("at");
  for (const std::string& budget : budgets) recipe.variants.push_back({budget, overrides, claimed});
  if (at == nullptr) return;
  for (const YamlNode& entry : at->entries) {
    const auto found = std::find_if(recipe.variants.begin(), recipe.variants.end(),
                                    [&](const SuiteVariant& variant) { return variant.budget == entry.key; });
    if (found == recipe.variants.end()) {
      node.problems().add(entry.line, fmt::format("expected a budget of {} ({}), got '{}'; correct it",
                                                  recipe.label, fmt::join(budgets, ", "), entry.key));
      continue;
    }
    SuiteNode own(entry, "what holds at a budget", node.problems());
    found->overrides = joined(overrides, own.texts("set"));
    if (own.has("claimed")) found->claimed = read_claimed(own.node("claimed"), node.problems());
    own.finish();
  }
}

// Resolves each variant once without work, so that unknown names and settings show.
void check_recipe(const SuiteRecipe& recipe, const Suite& suite, Problems& problems) {
  std::string last;
  for (const SuiteVariant& variant : recipe.variants) {
    for (const SuiteModel& model : suite.models) {
      if (!listed_or_all(recipe.models, model.name)) continue;
      try {
        const Recipe resolved = suite_recipe(recipe, variant, model, variant.budget);
        for (const std::string& kind : resolved.calibration_kinds()) resolved.calibration(kind);
      } catch (const Error& error) {
        if (last != error.what()) problems.add_error(recipe.line, error.what());
        last = error.what();
      }
    }
  }
}

SuiteRecipe read_recipe(const YamlNode& item, const std::vector<std::string>& budgets, const Suite& suite,
                        Problems& problems) {
  SuiteRecipe recipe;
  recipe.line = item.line;
  if (item.kind == YamlNode::Kind::value) {
    recipe.recipe = recipe.label = item.text;
    for (const std::string& budget : budgets) {
      if (recipe.recipe != "full") recipe.variants.push_back({budget, {}, Json::object()});
    }
    if (recipe.variants.empty()) recipe.variants.push_back({"", {}, Json::object()});
    return recipe;
  }
  SuiteNode node(item, "a recipe of a suite", problems);
  recipe.recipe = node.required("recipe");
  recipe.label = node.text("name").value_or(recipe.recipe);
  recipe.models = node.texts("models");
  std::vector<std::string> models;
  for (const SuiteModel& model : suite.models) models.push_back(model.name);
  check_names(node, "models", recipe.models, models);
  read_variants(node, budgets, recipe);
  node.finish();
  return recipe;
}

}  // namespace

Recipe suite_recipe(const SuiteRecipe& recipe, const SuiteVariant& variant, const SuiteModel& model,
                    const std::string& budget) {
  Recipe resolved = resolve_recipe({recipe.recipe, variant.overrides, budget});
  for (const std::string& kind : resolved.calibration_kinds()) {
    for (const CalibrationPtr& profile : model.profiles) {
      if (profile->kind == kind) resolved.calibrations.push_back(profile);
    }
  }
  attach_shipped(resolved, model.hash);
  return resolved;
}

void read_suite_recipes(SuiteNode& root, Suite& suite) {
  const std::vector<std::string> budgets = root.texts("budgets");
  Problems& problems = root.problems();
  for (const YamlNode* item : suite_items(root, "recipes")) {
    SuiteRecipe recipe = read_recipe(*item, budgets, suite, problems);
    const auto same = [&](const SuiteRecipe& other) { return other.label == recipe.label; };
    if (std::any_of(suite.recipes.begin(), suite.recipes.end(), same)) {
      problems.add(item->line,
                   fmt::format("expected a name of its own for each recipe, got '{}' again; add name: "
                               "...",
                               recipe.label));
    }
    if (!recipe.recipe.empty()) check_recipe(recipe, suite, problems);
    const bool full = recipe.recipe == "full";
    suite.recipes.insert(full ? suite.recipes.begin() : suite.recipes.end(), std::move(recipe));
  }
  if (suite.recipes.empty() || suite.recipes[0].recipe != "full") {
    SuiteRecipe full;
    full.recipe = full.label = "full";
    full.variants.push_back({"", {}, Json::object()});
    suite.recipes.insert(suite.recipes.begin(), full);
  }
}

}  // namespace kvcompress
