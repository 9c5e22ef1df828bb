#include "engine/plan.h"

#include <algorithm>  // std::min, std::max
#include <vector>     // std::vector

#include "policy/budget.h"      // plan_budget
#include "policy/projection.h"  // ProjectionFit

namespace kvcompress {

namespace {

constexpr int64_t kReplayWords = 64;  // tokens around a replayed chunk, at most
// Slots without a token that eviction may leave in packed pages before they are packed anew
// (cache/head_slots.h).
constexpr double kPackedWaste = 0.25;

// Tokens that a head holds, at most, before a form is fitted to it.
int64_t unpacked_before(const Recipe& recipe) {
  const ProjectionFit* fit = recipe.store->projection_fit();
  return fit == nullptr ? 0 : fit->fit_tokens() - 1;
}

size_t pages_for(int64_t slots) { return static_cast<size_t>((slots + kPageSlots - 1) / kPageSlots); }

// Slots of one head at most, at a moment when `seen` tokens have been read and `budget` of them may stay,
// plus the tokens added before the next eviction.
int64_t most_slots(int64_t seen, int64_t budget, int64_t added, int32_t window) {
  int64_t slots = std::min(seen, budget + added);
  if (window > 0) slots = std::min<int64_t>(slots, window + added);
  return slots;
}

}  // namespace

size_t head_bytes(const PageSizes& sizes, const Recipe& recipe, int64_t slots, int64_t unsealed) {
  int64_t exact = slots;
  // What is never packed, and what waits for 64 tokens to be packed together.
  if (sizes.packed > 0) {
    const auto guards = static_cast<int64_t>(recipe.store->guards() * static_cast<double>(slots));
    exact = std::min(slots, std::max(recipe.store->sinks() + recipe.store->recent() + guards + kPageSlots,
                                     unpacked_before(recipe)) +
                                unsealed);
  }
  return pages_for(exact) * sizes.exact + pages_for(slots - exact) * sizes.packed;
}

BudgetInput budget_input(const ModelConfig& config, const PageSizes& sizes, const Recipe& recipe,
                         int64_t tokens_seen) {
  BudgetInput input;
  input.layers = config.layers;
  input.kv_heads = config.kv_heads;
  input.group = config.query_heads / config.kv_heads;
  input.tokens_seen = tokens_seen;
  input.page_bytes = sizes.exact;
  input.page_slots = kPageSlots;
  input.head_bytes = sizes.maps;
  if (sizes.packed > 0) {
    input.packed_page_bytes = sizes.packed;
    input.exact_slots = recipe.store->sinks() + recipe.store->recent();
    input.guarded = recipe.store->guards();
    if (recipe.budget.hold) input.packed_waste = kPackedWaste;
  }
  input.sliding_window = config.sliding_window;
  input.layer_calibration = recipe.calibration(recipe.budget.layer_shares->calibration_kind());
  input.head_calibration = recipe.calibration(recipe.budget.head_shares->calibration_kind());
  return input;
}

size_t planned_bytes(const ModelConfig& config, const PageSizes& sizes, const Recipe& recipe,
                     PrefillMode prefill, int chunk, int64_t prompt, int64_t generated) {
  std::vector<int32_t> budgets;
  const int64_t seen = prompt + generated;
  if (recipe.evicts()) {
    budgets = plan_budget(recipe.budget, budget_input(config, sizes, recipe, seen));
  }
  const bool seals_late = recipe.evicts() && prefill == PrefillMode::exact;
  size_t total = 0;
  const int replayed = recipe.needs().replay_chunk;
  size_t refitted = 0;  // what the kept tokens of a head take once more while they are refitted
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
      if (recipe.refit) refitted = std::max(refitted, pages_for(writing) * sizes.exact);
      const auto waste = static_cast<int64_t>(kPackedWaste * static_cast<double>(writing));
      // One page more a head: a kept run need not start at a page's first slot.
      total += sizes.exact + std::max(head_bytes(sizes, recipe, reading, seals_late ? reading : chunk),
                                      head_bytes(sizes, recipe, writing) + pages_for(waste) * sizes.packed);
      // While tokens are packed, two packed pages are held on top.
      total += 2 * sizes.packed + sizes.maps;
      // A replay goes on from the whole prompt, a chunk of it and some words of instruction at a time.
      if (replayed > 0) {
        total += (pages_for(std::min<int64_t>(replayed, prompt) + kReplayWords) + 1) * sizes.exact;
      }
    }
  }
  return total + refitted * static_cast<size_t>(config.kv_heads);
}

size_t planned_growth(const ModelConfig& config, const Sequence& sequence, int chunk, int64_t read,
                      int64_t generated) {
  const Recipe& recipe = sequence.recipe;
  const size_t held = sequence.cache.bytes();
  if (!recipe.evicts() || !sequence.compressed) {
    const size_t whole = planned_bytes(config, sequence.page_sizes, recipe, sequence.prefill, chunk,
                                       sequence.cache.next_position + read, generated);
    return whole - std::min(whole, held);
  }
  // Evicted at the end of what is read, or after every chunk; packed after every chunk and token.
  const bool by_chunk = recipe.budget.hold && sequence.prefill == PrefillMode::bounded;
  const int64_t slots =
      (by_chunk ? std::min<int64_t>(read, chunk) : read) + (recipe.budget.hold ? 1 : generated);
  size_t total = 0;
  for (const int32_t window : config.sliding_window) {
    const int64_t added = window > 0 ? std::min<int64_t>(slots, window + chunk) : slots;
    total += static_cast<size_t>(config.kv_heads) *
             ((pages_for(added) + 1) * sequence.page_sizes.exact + 2 * sequence.page_sizes.packed);
  }
  return total;
}

}  // namespace kvcompress
