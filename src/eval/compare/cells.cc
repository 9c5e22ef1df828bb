#include "eval/compare/cells.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>  // std::min

#include "engine/plan.h"  // bytes_of_slots

namespace kvcompress {
namespace {

// FNV-1a, 64 bits.
uint64_t fingerprint(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325ull;
  for (const char byte : text) hash = (hash ^ static_cast<unsigned char>(byte)) * 0x100000001b3ull;
  return hash;
}

std::string protocol_text(const Suite& suite, const EngineOptions& options) {
  return fmt::format("{} {} {} {} {} {}", static_cast<int>(suite.axis), suite.visible, suite.chat,
                     static_cast<int>(suite.prefill), static_cast<int>(options.precision), options.chunk);
}

Cell make_cell(const WorkUnit& unit, const SuiteRecipe& recipe, const SuiteVariant& variant) {
  const Recipe resolved = suite_recipe(recipe, variant, *unit.model, variant.budget);
  std::string profiles;
  for (const CalibrationPtr& profile : resolved.calibrations) profiles += calibration_json(*profile);
  Cell cell{&recipe, &variant, {}};
  cell.key = fmt::format("{} / {} / {} #{:016x}", unit.key, recipe.label,
                         variant.budget.empty() ? "own budget" : variant.budget,
                         fingerprint(to_yaml(resolved) + profiles));
  return cell;
}

}  // namespace

std::vector<WorkUnit> plan_units(const Suite& suite, const EngineOptions& options) {
  std::vector<WorkUnit> units;
  for (const SuiteModel& model : suite.models) {
    for (const SuiteTask& task : suite.tasks) {
      if (!listed_or_all(task.models, model.name) || !listed_or_all(model.tasks, task.label)) continue;
      WorkUnit unit{&model, &task, {}, {}};
      unit.key = fmt::format(
          "{} / {} #{:016x}", model.name, task.label,
          fingerprint(model.hash + task.task + task.shown.dump() + protocol_text(suite, options)));
      for (const SuiteRecipe& recipe : suite.recipes) {
        if (!listed_or_all(recipe.models, model.name)) continue;
        for (const SuiteVariant& variant : recipe.variants)
          unit.cells.push_back(make_cell(unit, recipe, variant));
      }
      units.push_back(std::move(unit));
    }
  }
  return units;
}

std::string budget_on_axis(Engine& engine, const Suite& suite, const Cell& cell, int64_t tokens) {
  const std::string& nominal = cell.variant->budget;
  if (suite.axis == BudgetAxis::nominal || nominal.empty()) return nominal;
  const BudgetSettings asked = resolve_recipe({"recent_only", {}, nominal}).budget;
  int64_t slots = asked.tokens;
  if (asked.unit == BudgetSettings::Unit::bytes) return nominal;
  if (asked.unit == BudgetSettings::Unit::share) {
    slots = static_cast<int64_t>(asked.share * static_cast<double>(tokens));
  }
  slots = std::max<int64_t>(std::min(slots, tokens), 1);
  const Recipe full;
  const int64_t heads = int64_t{engine.config().layers} * engine.config().kv_heads;
  return fmt::format("{}B", static_cast<size_t>(heads) * head_bytes(engine.page_sizes(full), full, slots));
}

}  // namespace kvcompress
