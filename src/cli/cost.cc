#include "cli/cost.h"

#include <algorithm>  // std::min

#include "engine/plan.h"    // budget_input, head_bytes
#include "policy/budget.h"  // plan_budget

namespace kvcompress {
namespace {

// Slots of one head of each layer and head after a prompt, [layers][kv_heads].
std::vector<int64_t> slots_after(Engine& engine, const Recipe& recipe, int64_t tokens) {
  const ModelConfig& config = engine.config();
  const auto heads = static_cast<size_t>(config.kv_heads);
  std::vector<int64_t> slots(static_cast<size_t>(config.layers) * heads, tokens);
  if (recipe.evicts()) {
    const std::vector<int32_t> budgets = plan_budget(
        recipe.budget, budget_input(config, engine.page_sizes(recipe), engine.bound(recipe), tokens));
    for (size_t i = 0; i < slots.size(); i++) {
      // A head is left alone until it holds more than the trigger.
      if (tokens > recipe.budget.trigger) slots[i] = std::min<int64_t>(tokens, budgets[i]);
    }
  }
  for (size_t i = 0; i < slots.size(); i++) {
    const int32_t window = config.sliding_window[i / heads];
    if (window > 0) slots[i] = std::min<int64_t>(slots[i], window);
  }
  return slots;
}

}  // namespace

CacheCost cache_cost(Engine& engine, const Recipe& recipe, PrefillMode prefill, int64_t tokens) {
  CacheCost cost;
  cost.context = tokens;
  cost.bytes_per_token_f16 = engine.planned_bytes_full(1);
  cost.bytes_full = engine.planned_bytes_full(tokens);
  for (const int64_t slots : slots_after(engine, recipe, tokens)) {
    cost.bytes_recipe += head_bytes(engine.page_sizes(recipe), recipe, slots);
  }
  cost.bytes_peak = engine.planned_bytes(recipe, prefill, tokens, /*generated=*/0);
  return cost;
}

}  // namespace kvcompress
