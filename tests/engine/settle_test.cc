// What is settled at the prompt's end: kept tokens answer for those that are gone, and guarded ones stay in
// f16.
#include <kvcompress/error.h>

#include <cmath>    // std::abs
#include <numeric>  // std::accumulate

#include "engine/engine_fixture.h"

namespace kvcompress::test {
namespace {

constexpr int kPrompt = 700;

class SettleTest : public EngineTest {
 protected:
  std::unique_ptr<Engine> engine() {
    return make({.layers = 3, .query_heads = 6, .kv_heads = 2}, {.threads = 2, .chunk = 128});
  }
};

const std::vector<std::string> kSnap = {"budget.tokens=160", "budget.decode=grow"};

std::vector<std::string> with(std::vector<std::string> settings, const std::vector<std::string>& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

std::vector<float> logits_after(Engine& engine, Sequence& sequence) {
  std::vector<float> logits(static_cast<size_t>(engine.config().vocabulary));
  Sequence* const one[] = {&sequence};
  const int32_t token[] = {17};
  engine.decode(one, token, logits.data());
  return logits;
}

double distance(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum);
}

TEST_F(SettleTest, RefitKeepsTheSameTokensAndComesNearerToAllOfThem) {
  const auto engine = this->engine();
  double plain_distance = 0, refitted_distance = 0;
  for (const uint32_t seed : {1U, 2U, 3U}) {
    const auto tokens = random_tokens(kPrompt, seed);
    const auto read = [&](const Recipe& recipe) {
      auto sequence = engine->open(recipe);
      engine->read(*sequence, tokens, /*last=*/true);
      return sequence;
    };
    const auto full = read(recipe_of("full"));
    const auto plain = read(recipe_of("snapkv", kSnap));
    const auto refitted = read(recipe_of("snapkv", with(kSnap, {"score.refit=attention_matching"})));
    EXPECT_EQ(engine->kept_positions(*plain), engine->kept_positions(*refitted));
    const auto wanted = logits_after(*engine, *full);
    plain_distance += distance(logits_after(*engine, *plain), wanted);
    refitted_distance += distance(logits_after(*engine, *refitted), wanted);
  }
  EXPECT_LT(refitted_distance, 0.9 * plain_distance);
}

TEST_F(SettleTest, OnlyWhatIsRefittedPaysForBiases) {
  const auto engine = this->engine();
  const auto bytes = [&](const std::vector<std::string>& settings) {
    const auto sequence = engine->open(recipe_of("snapkv", settings));
    engine->read(*sequence, random_tokens(kPrompt), /*last=*/true);
    return sequence->cache.bytes();
  };
  const size_t plain = bytes(kSnap);
  const size_t refitted = bytes(with(kSnap, {"score.refit=attention_matching"}));
  constexpr size_t kPages = 6 * 3;  // 160 slots a head
  EXPECT_EQ(refitted - plain, kPages * kPageSlots * sizeof(float));
  EXPECT_EQ(engine->memory().usage().bytes, 0U);
  // A prompt within the budget loses nothing and is left alone.
  const auto short_one = engine->open(recipe_of("snapkv", with(kSnap, {"score.refit=attention_matching"})));
  engine->read(*short_one, random_tokens(100), /*last=*/true);
  EXPECT_EQ(short_one->cache.bytes(), 6 * 2 * engine->pool().page_bytes());
}

TEST_F(SettleTest, RefitWorksPackedForkedAndInABatch) {
  const auto engine = this->engine();
  const std::vector<std::string> refit = with(kSnap, {"score.refit=attention_matching"});
  for (const char* name : {"snapkv", "snapkv+rotated_q4", "snapkv+kivi_2"}) {
    const Recipe recipe = recipe_of(name, refit);
    std::vector<std::vector<int32_t>> alone;
    for (const uint32_t seed : {1U, 2U}) {
      alone.push_back(engine->run(greedy(random_tokens(kPrompt, seed), recipe, 90)).tokens);
    }
    std::vector<RequestId> ids;
    for (const uint32_t seed : {1U, 2U}) {
      ids.push_back(engine->submit(greedy(random_tokens(kPrompt, seed), recipe, 90)));
    }
    while (engine->step()) {
    }
    for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ(engine->take(ids[i]).tokens, alone[i]) << name;

    const auto sequence = engine->open(recipe);
    engine->read(*sequence, random_tokens(kPrompt), /*last=*/true);
    const auto fork = engine->fork(*sequence);
    EXPECT_EQ(logits_after(*engine, *fork), logits_after(*engine, *sequence)) << name;
  }
}

// The biases of a head by live slot, read from its pages.
float biggest_bias(const HeadSlots& slots, bool packed) {
  float most = 0;
  for (size_t page = 0; page < slots.pages().size(); ++page) {
    const PageView& view = slots.pages()[page];
    if ((view.packed != nullptr) != packed || view.bias == nullptr) continue;
    for (int slot = 0; slot < view.used; ++slot) most = std::max(most, std::abs(view.bias[slot]));
  }
  return most;
}

TEST_F(SettleTest, BiasesMoveIntoPackedPages) {
  const auto engine = this->engine();
  const auto sequence =
      engine->open(recipe_of("snapkv+rotated_q4", with(kSnap, {"score.refit=attention_matching"})));
  engine->read(*sequence, random_tokens(kPrompt), /*last=*/true);
  ASSERT_GT(sequence->cache.head(1, 0).packed_pages(), 0U);
  EXPECT_GT(biggest_bias(sequence->cache.head(1, 0), /*packed=*/true), 0);
}

TEST_F(SettleTest, SharedReadingGivesWhatAReadingOfItsOwnGives) {
  const auto engine = this->engine();
  const std::vector<Recipe> recipes = {
      recipe_of("snapkv", kSnap),
      recipe_of("snapkv", with(kSnap, {"score.refit=attention_matching", "score.refit.queries=100"})),
      recipe_of("kvzip", with(kSnap, {"score.refit=attention_matching"}))};
  const auto tokens = random_tokens(kPrompt);
  const auto read = engine->open_shared(recipes);
  engine->read(*read, tokens, /*last=*/true);
  for (const Recipe& recipe : recipes) {
    const auto own = engine->open(recipe);
    engine->read(*own, tokens, /*last=*/true);
    const auto shared = engine->compressed(*read, recipe);
    EXPECT_EQ(logits_after(*engine, *shared), logits_after(*engine, *own)) << recipe.name;
  }
}

int64_t exact_tokens(const HeadSlots& slots) {
  int64_t sum = 0;
  for (const PageView& page : slots.pages()) sum += page.packed == nullptr ? page.live : 0;
  return sum;
}

TEST_F(SettleTest, GuardedTokensStayExactOnce) {
  const auto engine = this->engine();
  for (const char* amount : {"budget.tokens=320", "budget.keep=100%"}) {
    const Recipe recipe = recipe_of(
        "snapkv+q4", {amount, "budget.decode=grow", "store.guards=0.4", "store.sinks=0", "store.recent=0"});
    const auto sequence = engine->open(recipe);
    engine->read(*sequence, random_tokens(kPrompt), /*last=*/true);
    for (int layer = 0; layer < 3; ++layer) {
      for (int head = 0; head < 2; ++head) {
        const HeadSlots& slots = sequence->cache.head(layer, head);
        const int64_t length = slots.length();
        const int64_t guards = 2 * length / 5;
        // What waits until 64 more can be packed is exact too.
        EXPECT_EQ(exact_tokens(slots), guards + (length - guards) % kPageSlots) << amount;
        std::vector<uint8_t> pinned(static_cast<size_t>(length));
        slots.pinned(pinned);
        EXPECT_EQ(std::accumulate(pinned.begin(), pinned.end(), int64_t{0}), guards);
      }
    }
  }
}

TEST_F(SettleTest, GuardsWithinABudgetOfBytesAndWithARefit) {
  const auto engine = this->engine();
  const std::vector<std::string> guarded = {"budget.bytes=600kB", "budget.decode=grow", "store.guards=0.3"};
  for (const auto& settings : {guarded, with(guarded, {"score.refit=attention_matching"})}) {
    const Recipe recipe = recipe_of("snapkv+q4", settings);
    const Completion done = engine->run(greedy(random_tokens(kPrompt), recipe, 4));
    EXPECT_LE(done.receipt.cache.bytes_prompt, 600000U);
    EXPECT_GT(done.receipt.cache.bytes_prompt, 300000U);
    EXPECT_EQ(done.tokens, engine->run(greedy(random_tokens(kPrompt), recipe, 4)).tokens);
  }
}

TEST_F(SettleTest, RefusesBoundedPrefill) {
  const auto engine = this->engine();
  const Recipe refit = recipe_of("snapkv", with(kSnap, {"score.refit=attention_matching"}));
  const Recipe guards = recipe_of("snapkv+q4", with(kSnap, {"store.guards=0.4"}));
  for (const auto& [recipe, name] : {std::pair{refit, "score.refit"}, {guards, "store.guards"}}) {
    try {
      engine->open(recipe, PrefillMode::bounded);
      FAIL() << name;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace kvcompress::test
