// What the engine keeps under a budget: at the prompt's end, in bounded prefill, and while decoding.

#include <algorithm>  // std::all_of

#include "engine/engine_fixture.h"

namespace kvcompress::test {
namespace {

// Every head of layers that the recipe does not skip keeps this many slots.
void expect_kept(const Engine& engine, const Sequence& sequence, int first_layer, int slots) {
  const CacheReceipt receipt = engine.cache_receipt(sequence);
  for (size_t layer = static_cast<size_t>(first_layer); layer < receipt.kept.size(); ++layer) {
    for (const int kept : receipt.kept[layer]) EXPECT_EQ(kept, slots) << "layer " << layer;
  }
}

class BudgetTest : public EngineTest {};

TEST_F(BudgetTest, ExactPrefillKeepsTheBudgetAndFreesTheRest) {
  const std::unique_ptr<Engine> engine = make({.query_heads = 6, .kv_heads = 2}, {.chunk = 64});
  for (const char* name : {"snapkv", "streaming_llm", "h2o_l2"}) {
    const Recipe recipe = recipe_of(name, {"budget.tokens=128", "budget.recent=40"});
    const auto sequence = engine->open(recipe);
    engine->read(*sequence, random_tokens(500), /*last=*/true);
    expect_kept(*engine, *sequence, 0, 128);
    EXPECT_EQ(sequence->cache.bytes(), 2U * 2U * 2U * engine->pool().page_bytes()) << name;
  }
  EXPECT_EQ(engine->memory().usage().bytes, 0U);
}

TEST_F(BudgetTest, BoundedPrefillNeverHoldsMoreThanBudgetAndChunk) {
  const std::unique_ptr<Engine> engine = make({.query_heads = 6, .kv_heads = 2}, {.chunk = 64});
  std::vector<size_t> peaks;
  for (const int length : {400, 1600}) {
    engine->memory().reset_peak();
    const auto sequence = engine->open(recipe_of("snapkv", {"budget.tokens=128"}), PrefillMode::bounded);
    engine->read(*sequence, random_tokens(length), /*last=*/true);
    expect_kept(*engine, *sequence, 0, 128);
    peaks.push_back(engine->memory().usage().peak_bytes);
  }
  const size_t heads = 2 * 2;
  EXPECT_LE(peaks[0], heads * (128 / 64 + 64 / 64 + 1) * engine->pool().page_bytes());
  EXPECT_EQ(peaks[0], peaks[1]);
}

TEST_F(BudgetTest, HeldBudgetStaysWhileDecoding) {
  const std::unique_ptr<Engine> engine = make({.query_heads = 6, .kv_heads = 2}, {.chunk = 64});
  for (const char* name : {"streaming_llm", "h2o_l2"}) {
    Request request =
        greedy(random_tokens(200), recipe_of(name, {"budget.tokens=100", "budget.recent=60"}), 150);
    const Completion done = engine->run(request);
    for (const auto& layer : done.receipt.cache.kept) {
      for (const int kept : layer) EXPECT_EQ(kept, 100) << name;
    }
    // Holes are closed before they make up a page: at most the pages of the budget and two more.
    EXPECT_LE(done.receipt.cache.bytes, 2U * 2U * (2 + 2) * engine->pool().page_bytes()) << name;
  }
}

TEST_F(BudgetTest, ProfileCountsTheCompressionOfEverySequence) {
  const std::unique_ptr<Engine> engine = make({}, {.chunk = 64});
  const auto full = engine->open(recipe_of("full"));
  engine->read(*full, random_tokens(200), /*last=*/true);
  EXPECT_EQ(engine->take_profile().compress_s, 0);
  const auto one = engine->open(recipe_of("snapkv", {"budget.tokens=100"}));
  const auto other = engine->open(recipe_of("snapkv", {"budget.tokens=100"}));
  engine->read(*one, random_tokens(200), /*last=*/true);
  engine->read(*other, random_tokens(300), /*last=*/true);
  EXPECT_GT(one->compress_s, 0);
  EXPECT_DOUBLE_EQ(engine->take_profile().compress_s, one->compress_s + other->compress_s);
  EXPECT_EQ(engine->take_profile().compress_s, 0) << "taken";
}

TEST_F(BudgetTest, GrowingBudgetAppends) {
  const std::unique_ptr<Engine> engine = make({}, {.chunk = 64});
  const Completion done =
      engine->run(greedy(random_tokens(300), recipe_of("snapkv", {"budget.tokens=100"}), 30));
  for (const auto& layer : done.receipt.cache.kept) {
    for (const int kept : layer) EXPECT_EQ(kept, 100 + 29);
  }
}

// Keeping scores between steps must choose the slots that scoring everything again chooses.
TEST_F(BudgetTest, StepwiseEvictionEqualsTheDefinition) {
  const std::unique_ptr<Engine> engine = make({.query_heads = 3, .kv_heads = 1}, {.chunk = 64});
  const int start = 4, heavy = 10, recent = 20;
  const Recipe recipe = recipe_of("h2o_l2", {"budget.tokens=34", "budget.recent=20"});
  const auto sequence = engine->open(recipe);
  const auto full = engine->open(recipe_of("full"));
  const std::vector<int32_t> tokens = random_tokens(160);
  engine->read(*sequence, std::span(tokens).first(60), true);
  engine->read(*full, std::span(tokens).first(60), true);
  std::vector<float> logits(static_cast<size_t>(engine->config().vocabulary) * 2);
  for (size_t i = 60; i < tokens.size(); ++i) {
    Sequence* const one[] = {sequence.get()};
    engine->decode(one, std::span(tokens).subspan(i, 1), logits.data());
    const auto kept = engine->kept_positions(*sequence);
    for (const auto& layer : kept) {
      for (const auto& head : layer) {
        ASSERT_EQ(head.size(), static_cast<size_t>(start + heavy + recent));
        for (int s = 0; s < start; ++s) ASSERT_EQ(head[static_cast<size_t>(s)], s);
        for (int r = 0; r < recent; ++r) {
          ASSERT_EQ(head[head.size() - 1 - static_cast<size_t>(r)], static_cast<int32_t>(i) - r);
        }
      }
    }
  }
  // Layer 0 sees the same keys with and without eviction: its heavy slots are the smallest norms of all that
  // left the recent window.
  for (size_t i = 60; i < tokens.size(); ++i) {
    Sequence* const one[] = {full.get()};
    engine->decode(one, std::span(tokens).subspan(i, 1), logits.data());
  }
  const HeadSlots& all = full->cache.head(0, 0);
  std::vector<std::pair<double, int>> norms;
  for (int slot = start; slot < all.length() - recent; ++slot) {
    std::vector<float> key(static_cast<size_t>(engine->config().head_dim));
    all.load(slot, key.data(), nullptr);
    double sum = 0;
    for (const float value : key) sum += static_cast<double>(value) * value;
    norms.emplace_back(sum, slot);
  }
  std::sort(norms.begin(), norms.end());
  std::vector<int32_t> heaviest;
  for (int i = 0; i < heavy; ++i) heaviest.push_back(norms[static_cast<size_t>(i)].second);
  std::sort(heaviest.begin(), heaviest.end());
  const std::vector<int32_t> kept = engine->kept_positions(*sequence)[0][0];
  EXPECT_EQ(std::vector<int32_t>(kept.begin() + start, kept.begin() + start + heavy), heaviest);
}

TEST_F(BudgetTest, SlidingWindowLayersKeepTheirWindow) {
  TinyModel model{.architecture = "gemma3", .layers = 3, .query_heads = 4, .kv_heads = 1};
  model.sliding_window = 64;
  model.window_period = 3;
  const std::unique_ptr<Engine> engine = make(model, {.chunk = 128});
  const Completion done = engine->run(greedy(random_tokens(600), recipe_of("full"), 20));
  EXPECT_LE(done.receipt.cache.kept[0][0], 64);
  EXPECT_LE(done.receipt.cache.kept[1][0], 64);
  EXPECT_EQ(done.receipt.cache.kept[2][0], 619);
}

}  // namespace
}  // namespace kvcompress::test
