#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "policy/parameter_table.h"   // parameter_rows
#include "policy/parameter_values.h"  // print_share, print_bytes
#include "policy/recipe.h"

namespace kvcompress {
namespace {

using Unit = BudgetSettings::Unit;

// A JSON string is a YAML string in double quotes; bytes that are no UTF-8 are replaced.
std::string yaml_text(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

std::string yaml_pairs(const std::vector<ParameterRow>& rows) {
  std::string out;
  for (const ParameterRow& row : rows) {
    if (!row.value.empty()) out += fmt::format(", {}: {}", row.name, row.value);
  }
  return out;
}

template <typename Policy>
std::string yaml_answer(const std::string& kind, const std::shared_ptr<const Policy>& policy) {
  const std::string pairs = policy ? yaml_pairs(parameter_rows(*policy)) : "";
  return pairs.empty() ? kind : fmt::format("{{kind: {}{}}}", kind, pairs);
}

std::string yaml_score(const Recipe& recipe) {
  const std::string pairs = recipe.score ? yaml_pairs(parameter_rows(*recipe.score)) : "";
  std::string inner;
  if (recipe.weight) inner += fmt::format(", weight: {}", yaml_answer(recipe.weight_kind, recipe.weight));
  if (recipe.select) inner += fmt::format(", select: {}", yaml_answer(recipe.select_kind, recipe.select));
  if (recipe.refit) inner += fmt::format(", refit: {}", yaml_answer(recipe.refit_kind, recipe.refit));
  if (pairs.empty() && inner.empty()) return recipe.score_kind;
  return fmt::format("{{kind: {}{}{}}}", recipe.score_kind, pairs, inner);
}

std::string yaml_budget(const BudgetSettings& budget) {
  return fmt::format("{{{}, layers: {}, heads: {}}}", yaml_pairs(parameter_rows(budget)).substr(2),
                     yaml_answer(budget.layers, budget.layer_shares),
                     yaml_answer(budget.heads, budget.head_shares));
}

std::string amount(const BudgetSettings& budget) {
  switch (budget.unit) {
    case Unit::tokens:
      return fmt::format("{} tokens a head", budget.tokens);
    case Unit::share:
      return fmt::format("{} of the {}", print_share(budget.share),
                         budget.of == "held" ? "tokens held" : "tokens");
    case Unit::bytes:
      return fmt::format("{} in all", print_bytes(budget.bytes));
    case Unit::rule:
      return fmt::format("as its {} say", budget.head_shares->has_limits() ? "heads" : "layers");
    case Unit::none:
      break;
  }
  return "every token";
}

}  // namespace

std::string to_yaml(const Recipe& recipe) {
  std::string out = fmt::format("name: {}\n", yaml_text(recipe.name));
  if (!recipe.summary.empty()) out += fmt::format("summary: {}\n", yaml_text(recipe.summary));
  if (!recipe.source.empty()) out += fmt::format("source: {}\n", yaml_text(recipe.source));
  out += fmt::format("propagate: {}\n", recipe.propagate);
  out += fmt::format("score: {}\n", yaml_score(recipe));
  out += fmt::format("budget: {}\n", yaml_budget(recipe.budget));
  out += fmt::format("store: {}\nschedule: {}\nroute: {}\n", yaml_answer(recipe.store_kind, recipe.store),
                     recipe.schedule, recipe.route);
  return out;
}

std::string describe(const Recipe& recipe) {
  const BudgetSettings& budget = recipe.budget;
  std::string out = fmt::format("{}, {}", recipe.name, amount(budget));
  if (budget.trigger > 0) out += fmt::format(" when above {}", budget.trigger);
  if (budget.sinks > 0) out += fmt::format(", {} sinks", budget.sinks);
  if (budget.rolling) out += " that roll along";
  if (budget.recent > 0) out += fmt::format(", {} recent", budget.recent);
  if (!budget.skip_layers.empty()) {
    out += fmt::format(", layers {} whole", fmt::join(budget.skip_layers, " "));
  }
  if (budget.layers != "uniform") out += fmt::format(", {} layers", budget.layers);
  if (budget.heads != "equal") out += fmt::format(", {} heads", budget.heads);
  if (recipe.weight) out += fmt::format(", {} weights", recipe.weight_kind);
  if (recipe.select) out += fmt::format(", {} selected", recipe.select_kind);
  if (recipe.refit) out += fmt::format(", {} refit", recipe.refit_kind);
  if (recipe.store) {
    out += fmt::format(", {}, {} sinks and {} recent tokens in f16", recipe.store->describe(),
                       recipe.store->sinks(), recipe.store->recent());
    if (recipe.store->guards() > 0) {
      out += fmt::format(", with the best scores {:.4g} % of all", 100 * recipe.store->guards());
    }
  } else {
    out += fmt::format(", {}", recipe.store_kind);
  }
  for (const std::string* answer : {&recipe.schedule, &recipe.route}) {
    if (*answer != "none") out += fmt::format(", {}", *answer);
  }
  return recipe.propagate == "all" ? out : fmt::format("{}, {}", out, recipe.propagate);
}

}  // namespace kvcompress
