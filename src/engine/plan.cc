#include "engine/plan.h"

#include <algorithm>  // std::min, std::max
#include <vector>     // std::vector

#include "policy/budget.h"  // plan_budget

namespace kvcompress {

namespace {

constexpr int64_t kReplayWords = 64;  // tokens around a replayed chunk, at most

size_t pages_for(int64_t slots) { return static_cast<size_t>((slots + kPageSlots - 1) / kPageSlots); }

// Slots of one head at most, at a moment when `seen` tokens have been read and `budget` of them may stay,
// plus the tokens added before the next eviction.
int64_t most_slots(int64_t seen, int64_t budget, int64_t added, int32_t window) {
  int64_t slots = std::min(seen, budget + added);
  if (window > 0) slots = std::min<int64_t>(slots, window + added);
  return slots;
}

}  // namespace

size_t bytes_of_slots(const ModelConfig& config, const PagePool& pages, int64_t slots) {
  return pages_for(slots) * pages.page_bytes() * static_cast<size_t>(config.layers) *
         static_cast<size_t>(config.kv_heads);
}

BudgetInput budget_input(const ModelConfig& config, const PagePool& pages, const Recipe& recipe,
                         int64_t tokens_seen) {
  BudgetInput input;
  input.layers = config.layers;
  input.kv_heads = config.kv_heads;
  input.group = config.query_heads / config.kv_heads;
  input.tokens_seen = tokens_seen;
  input.page_bytes = pages.page_bytes();
  input.page_slots = kPageSlots;
  input.sliding_window = config.sliding_window;
  input.layer_calibration = recipe.calibration(recipe.budget.layer_shares->calibration_kind());
  input.head_calibration = recipe.calibration(recipe.budget.head_shares->calibration_kind());
  return input;
}

size_t planned_bytes(const ModelConfig& config, const PagePool& pages, const Recipe& recipe,
                     PrefillMode prefill, int chunk, int64_t prompt, int64_t generated) {
  std::vector<int32_t> budgets;
  const int64_t seen = prompt + generated;
  if (recipe.compresses()) {
    budgets = plan_budget(recipe.budget, budget_input(config, pages, recipe, seen));
  }
  size_t total_pages = 0;
  const int replayed = recipe.needs().replay_chunk;
  for (int layer = 0; layer < config.layers; ++layer) {
    const int32_t window = config.sliding_window[static_cast<size_t>(layer)];
    for (int head = 0; head < config.kv_heads; ++head) {
      const auto index = static_cast<size_t>(layer) * config.kv_heads + head;
      const int64_t budget =
          budgets.empty() ? seen : std::max<int64_t>(budgets[index], recipe.budget.trigger);
      // While the prompt is read, and afterwards.
      const int64_t reading =
          most_slots(prompt, prefill == PrefillMode::bounded ? budget : prompt, chunk, window);
      const int64_t writing = most_slots(seen, budget, recipe.budget.hold ? 1 : generated, window);
      // One page more a head: a kept run need not start at a page's first slot.
      total_pages += pages_for(std::max(reading, writing)) + 1;
      // A replay goes on from the whole prompt, a chunk of it and some words of instruction at a time.
      if (replayed > 0) total_pages += pages_for(std::min<int64_t>(replayed, prompt) + kReplayWords) + 1;
    }
  }
  return total_pages * pages.page_bytes();
}

}  // namespace kvcompress
