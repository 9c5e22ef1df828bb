#include "eval/perplexity.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max

#include "eval/lane.h"  // Lane
#include "eval/room.h"  // require_room

namespace kvcompress {
namespace {

bool by_steps(const Recipe& recipe, const PerplexitySettings& settings) {
  return settings.mode == PerplexitySettings::Mode::stream || (recipe.evicts() && recipe.budget.hold);
}

void check(Engine& engine, const std::vector<EvaluatedRecipe>& recipes, const PerplexitySettings& settings) {
  const int64_t tokens = settings.plan.context + settings.plan.target;
  if (tokens > engine.context()) {
    throw UsageError(
        fmt::format("[--context, --target] expected at most {} tokens in all, got {} + {}; lower them or "
                    "give a larger -c",
                    engine.context(), settings.plan.context, settings.plan.target));
  }
  if (settings.attention && settings.prefill == PrefillMode::bounded) {
    throw UsageError(
        "[--attention] expected --prefill exact, got bounded, whose tokens differ from the full cache's; "
        "leave "
        "out one of them");
  }
  // All caches of a window live side by side, the full one among them.
  size_t planned = engine.planned_bytes(Recipe{}, settings.prefill, tokens, 0);
  for (const EvaluatedRecipe& evaluated : recipes) {
    if (!evaluated.recipe.compresses()) continue;
    planned += engine.planned_bytes(evaluated.recipe, settings.prefill,
                                    std::max<int64_t>(settings.plan.context, 1), settings.plan.target);
    if (settings.attention) planned += engine.planned_bytes(Recipe{}, settings.prefill, tokens, 0);
  }
  require_room(engine, planned);
}

}  // namespace

std::vector<PerplexityResult> evaluate_perplexity(
    Engine& engine, const std::vector<std::vector<int32_t>>& windows,
    const std::vector<EvaluatedRecipe>& recipes, const PerplexitySettings& settings,
    const std::function<void(int64_t done, int64_t total)>& on_progress) {
  check(engine, recipes, settings);
  Lane chunks(engine, settings, /*by_steps=*/false), steps(engine, settings, /*by_steps=*/true);
  for (const EvaluatedRecipe& recipe : recipes)
    (by_steps(recipe.recipe, settings) ? steps : chunks).add(recipe);

  const int64_t fed_per_cache = settings.plan.context + settings.plan.target;
  int64_t total = 0, done = 0;
  for (const Lane* lane : {&chunks, &steps}) {
    if (!lane->empty()) total += lane->caches() * fed_per_cache * static_cast<int64_t>(windows.size());
  }
  for (const auto& tokens : windows) {
    for (Lane* lane : {&chunks, &steps}) {
      if (lane->empty()) continue;
      lane->window(tokens, [&](int64_t fed) {
        done += fed;
        if (on_progress) on_progress(done, total);
      });
    }
  }

  // Back in the order asked for.
  const std::vector<PerplexityResult> from_chunks = chunks.results(), from_steps = steps.results();
  std::vector<PerplexityResult> results;
  size_t next_chunk = 0, next_step = 0;
  for (const EvaluatedRecipe& recipe : recipes) {
    results.push_back(by_steps(recipe.recipe, settings) ? from_steps[next_step++]
                                                        : from_chunks[next_chunk++]);
  }
  return results;
}

}  // namespace kvcompress
