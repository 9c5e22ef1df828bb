// What holds for every preset: sums, determinism, and independence of the batch.
#include <kvcompress/error.h>  // UsageError

#include <numeric>  // std::accumulate

#include "engine/engine_fixture.h"
#include "policy/rotation.h"  // rotate

namespace kvcompress::test {
namespace {

constexpr int kPrompt = 700;
constexpr int kBudget = 160;  // slots a head, above every preset's sinks + recent when those are lowered

// Presets that work without a profile, at a budget that fits a short prompt.
std::vector<std::string> presets() {
  std::vector<std::string> names;
  for (const std::string& name : preset_names()) {
    const Recipe recipe = resolve_recipe({.recipe = name, .overrides = {}, .budget = ""});
    if (recipe.evicts() && recipe.calibration_kinds().empty()) names.push_back(name);
  }
  return names;
}

Recipe at_budget(const std::string& name) {
  const Recipe plain = recipe_of(name);
  std::vector<std::string> overrides = {"budget.tokens=" + std::to_string(kBudget), "budget.trigger=0"};
  if (plain.budget.recent > 64) overrides.push_back("budget.recent=64");
  return recipe_of(name, overrides);
}

int64_t slots_held(const Engine& engine, const Sequence& sequence) {
  int64_t sum = 0;
  for (const auto& layer : engine.cache_receipt(sequence).kept) {
    sum = std::accumulate(layer.begin(), layer.end(), sum);
  }
  return sum;
}

class PresetTest : public EngineTest, public testing::WithParamInterface<std::string> {
 protected:
  std::unique_ptr<Engine> engine() {
    return make({.layers = 3, .query_heads = 6, .kv_heads = 2}, {.threads = 2, .chunk = 128});
  }
};

TEST_P(PresetTest, KeepsExactlyItsSumAndFreesTheRest) {
  const auto engine = this->engine();
  const Recipe recipe = at_budget(GetParam());
  const auto sequence = engine->open(recipe);
  engine->read(*sequence, random_tokens(kPrompt), /*last=*/true);
  const auto skipped = static_cast<int64_t>(recipe.budget.skip_layers.size());
  const int64_t expected = 2 * (skipped * kPrompt + (3 - skipped) * kBudget);
  if (recipe.select_kind == "chunks") {
    // Whole chunks: kvpress counts them down from the budget, and the last tokens make a short one.
    EXPECT_LE(std::abs(slots_held(*engine, *sequence) - expected), 6 * 20);
  } else {
    EXPECT_EQ(slots_held(*engine, *sequence), expected);
  }
  const size_t most = static_cast<size_t>(expected / kPageSlots + 6 + 2);
  EXPECT_LE(engine->memory().usage().pages, most);
}

TEST_P(PresetTest, AnswersTheSameTwiceAndInABatch) {
  const auto engine = this->engine();
  const Recipe recipe = at_budget(GetParam());
  std::vector<std::vector<int32_t>> alone;
  for (const uint32_t seed : {1U, 2U, 1U}) {
    alone.push_back(engine->run(greedy(random_tokens(kPrompt, seed), recipe, 40)).tokens);
  }
  EXPECT_EQ(alone[0], alone[2]);
  std::vector<RequestId> ids;
  for (const uint32_t seed : {1U, 2U}) {
    ids.push_back(engine->submit(greedy(random_tokens(kPrompt, seed), recipe, 40)));
  }
  while (engine->step()) {
  }
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(engine->take(ids[i]).tokens, alone[i]);
}

TEST_P(PresetTest, HoldsItsBudgetInBoundedPrefillAndWhileDecoding) {
  const auto engine = this->engine();
  const Recipe recipe = at_budget(GetParam());
  if (recipe.needs().replay_chunk > 0 || (recipe.store && recipe.store->guards() > 0)) {
    EXPECT_THROW(engine->open(recipe, PrefillMode::bounded), UsageError);
    return;
  }
  if (recipe.select_kind == "chunks" || recipe.budget.of == "held") GTEST_SKIP() << "counts by its own rule";
  const auto sequence = engine->open(recipe, PrefillMode::bounded);
  engine->read(*sequence, random_tokens(kPrompt), /*last=*/true);
  const auto skipped = static_cast<int64_t>(recipe.budget.skip_layers.size());
  EXPECT_EQ(slots_held(*engine, *sequence), 2 * (skipped * kPrompt + (3 - skipped) * kBudget));
  std::vector<float> logits(static_cast<size_t>(engine->config().vocabulary));
  const int64_t before = slots_held(*engine, *sequence);
  for (int i = 1; i <= 40; ++i) {
    Sequence* const one[] = {sequence.get()};
    const int32_t token[] = {5 + i};
    engine->decode(one, token, logits.data());
    const int64_t grown = recipe.budget.hold ? 2 * skipped * i : 6 * i;
    ASSERT_LE(slots_held(*engine, *sequence), before + grown) << "after " << i << " tokens";
  }
}

INSTANTIATE_TEST_SUITE_P(All, PresetTest, testing::ValuesIn(presets()), [](const auto& info) {
  std::string name = info.param;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

class SharedReadingTest : public EngineTest {};

TEST_F(SharedReadingTest, GivesWhatReadingForOneRecipeGives) {
  const auto engine = make({.layers = 3, .query_heads = 6, .kv_heads = 2}, {.threads = 2, .chunk = 128});
  std::vector<Recipe> recipes;
  for (const char* name :
       {"snapkv", "tova", "h2o", "expected_attention", "kvzip", "compactor", "ada_snapkv"}) {
    recipes.push_back(at_budget(name));
  }
  const auto tokens = random_tokens(kPrompt);
  const auto read = engine->open_shared(recipes);
  engine->read(*read, tokens, /*last=*/true);
  for (const Recipe& recipe : recipes) {
    const auto own = engine->open(recipe);
    engine->read(*own, tokens, /*last=*/true);
    const auto shared = engine->compressed(*read, recipe);
    EXPECT_EQ(engine->kept_positions(*shared), engine->kept_positions(*own)) << recipe.name;
  }
  EXPECT_EQ(slots_held(*engine, *read), 6 * kPrompt);
}

TEST_F(SharedReadingTest, GoesOnAsReadingForOneRecipeDoes) {
  const auto engine = make({.layers = 3, .query_heads = 6, .kv_heads = 2}, {.threads = 2, .chunk = 128});
  std::vector<Recipe> recipes;
  for (const char* name : {"kvzip", "compactor", "keydiff", "h2o", "random", "expected_attention"}) {
    recipes.push_back(at_budget(name));
  }
  const auto prompt = random_tokens(kPrompt), question = random_tokens(90, 7);
  const auto read = engine->open_shared(recipes);
  engine->read(*read, prompt, /*last=*/true);
  for (const Recipe& recipe : recipes) {
    const auto own = engine->open(recipe);
    engine->read(*own, prompt, /*last=*/true);
    const auto shared = engine->compressed(*read, recipe);
    std::vector<float> logits(2 * static_cast<size_t>(engine->config().vocabulary));
    for (Sequence* sequence : {own.get(), shared.get()}) engine->read(*sequence, question, /*last=*/true);
    for (int i = 0; i < 30; ++i) {
      Sequence* const both[] = {own.get(), shared.get()};
      const int32_t fed[] = {9, 9};
      engine->decode(both, fed, logits.data());
    }
    EXPECT_EQ(engine->kept_positions(*shared), engine->kept_positions(*own)) << recipe.name;
  }
}

class RollingTest : public EngineTest {};

TEST_F(RollingTest, SinksStandRightBeforeTheRecentTokens) {
  const auto engine = make({.query_heads = 6, .kv_heads = 2}, {.chunk = 128});
  const auto still = engine->open(recipe_of("streaming_llm", {"budget.tokens=100"}));
  const auto rolling = engine->open(recipe_of("streaming_llm_rolling", {"budget.tokens=100"}));
  const auto tokens = random_tokens(300);
  engine->read(*still, tokens, true);
  engine->read(*rolling, tokens, true);
  EXPECT_EQ(engine->kept_positions(*still), engine->kept_positions(*rolling));
  const auto width = static_cast<size_t>(engine->config().head_dim);
  std::vector<float> before(width), after(width);
  const int32_t gap = 300 - 100;
  for (const int slot : {0, 3, 4, 99}) {
    still->cache.head(1, 1).load(slot, before.data(), nullptr);
    rolling->cache.head(1, 1).load(slot, after.data(), nullptr);
    if (slot < 4) rotate(engine->rotation(1), gap, before);
    for (size_t c = 0; c < width; ++c) EXPECT_NEAR(after[c], before[c], 2e-3) << "slot " << slot;
  }
}

}  // namespace
}  // namespace kvcompress::test
