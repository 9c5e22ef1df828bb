// Stores that fit their forms to a sequence, on a tiny model.
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::all_of
#include <cmath>      // std::abs

#include "engine/engine_fixture.h"

namespace kvcompress::test {
namespace {

constexpr int kHeads = 4;  // of all layers

class FittedTest : public EngineTest {
 protected:
  FittedTest()
      : engine_(make({.layers = 2, .query_heads = 6, .kv_heads = 2},
                     {.threads = 1, .chunk = 128, .precision = Precision::exact})) {}

  // The mean difference of logits to those of an f16 cache, over the tokens after a prompt.
  double difference(const Recipe& recipe, int prompt = 400) {
    const std::vector<int32_t> tokens = random_tokens(prompt + 64);
    std::vector<std::vector<float>> all[2];
    for (const int i : {0, 1}) {
      const auto sequence = engine_->open(i == 0 ? Recipe() : recipe);
      engine_->read(*sequence, std::span(tokens).first(prompt), /*last=*/true);
      engine_->read(
          *sequence, std::span(tokens).subspan(prompt), /*last=*/true,
          [&](int, std::span<const float> logits) { all[i].emplace_back(logits.begin(), logits.end()); });
    }
    double sum = 0;
    for (size_t t = 0; t < all[0].size(); ++t) {
      for (size_t c = 0; c < all[0][t].size(); ++c) sum += std::abs(all[0][t][c] - all[1][t][c]);
    }
    return sum / static_cast<double>(all[0].size() * all[0][0].size());
  }

  std::unique_ptr<Sequence> read(const Recipe& recipe, int tokens) {
    auto sequence = engine_->open(recipe);
    engine_->read(*sequence, random_tokens(tokens), /*last=*/true);
    return sequence;
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(FittedTest, MoreChannelsLoseLessAndAllLoseNothing) {
  double last = 1e9;
  for (const int rank : {16, 32, 48}) {
    const std::string r = std::to_string(rank);
    const double lost = difference(recipe_of("svd", {"store.key_rank=" + r, "store.value_rank=" + r}));
    EXPECT_LT(lost, last) << rank;
    last = lost;
  }
  EXPECT_LT(difference(recipe_of("svd", {"store.key_rank=64", "store.value_rank=64"})), 0.03 * last);
  EXPECT_LT(difference(recipe_of("think", {"store.key_rank=64"})), 0.03 * last);
}

TEST_F(FittedTest, EveryFormThatNeedsNoProfileReadsAndWrites) {
  for (const std::string name : {"svd", "distillation", "think", "pruning", "chunkkv_svd", "snapkv+svd"}) {
    const Recipe recipe = recipe_of(name);
    const auto sequence = read(recipe, 700);
    EXPECT_TRUE(std::all_of(sequence->forms.begin(), sequence->forms.end(), [](const auto& form) {
      return form != nullptr;
    })) << name;
    const Completion first = engine_->run(greedy(random_tokens(700), recipe, 90));
    EXPECT_EQ(first.tokens.size(), 90U) << name;
    EXPECT_EQ(engine_->run(greedy(random_tokens(700), recipe, 90)).tokens, first.tokens) << name;
    EXPECT_LT(first.receipt.cache.bytes, first.receipt.cache.bytes_full) << name;
  }
}

TEST_F(FittedTest, BytesArePagesAndMaps) {
  const auto sequence = read(recipe_of("svd"), 4 + 64 + 64 * 6);
  // d = 64, ranks of 32: two f16 matrices and a mean for each of keys and values.
  const size_t maps = kHeads * 2 * (4 * 64 + 2 * 2 * 64 * 32);
  size_t held = 0;
  for (const auto& form : sequence->forms) held += form->bytes();
  EXPECT_EQ(held, maps);
  EXPECT_EQ(sequence->bytes(), sequence->cache.bytes() + maps);
  EXPECT_EQ(engine_->cache_receipt(*sequence).bytes, sequence->bytes());
  EXPECT_EQ(sequence->forms[0]->form().payload_bytes(), 128U * (32 + 32));
  EXPECT_EQ(sequence->cache.head(0, 0).packed_pages(), 6U);
}

TEST_F(FittedTest, NothingIsLeftOfASequenceThatEnds) {
  const size_t before = engine_->memory().usage().bytes;
  {
    const auto sequence = read(recipe_of("svd"), 500);
    const auto fork = engine_->fork(*sequence);
    EXPECT_EQ(fork->forms, sequence->forms);
    EXPECT_GT(engine_->memory().usage().bytes, before);
  }
  EXPECT_EQ(engine_->memory().usage().bytes, before);
}

TEST_F(FittedTest, AForkReadsOnWhenTheFirstIsGone) {
  const Recipe recipe = recipe_of("svd");
  auto sequence = read(recipe, 500);
  const auto fork = engine_->fork(*sequence);
  sequence.reset();
  engine_->read(*fork, random_tokens(200, 2), /*last=*/true);
  EXPECT_GT(fork->cache.head(0, 0).packed_pages(), 7U);
}

TEST_F(FittedTest, NothingIsPackedBeforeAFitHasItsTokens) {
  const Recipe recipe = recipe_of("svd", {"store.fit_tokens=300"});
  auto sequence = read(recipe, 299);
  EXPECT_EQ(sequence->cache.head(0, 0).packed_pages(), 0U);
  EXPECT_EQ(sequence->forms[0], nullptr);
  engine_->read(*sequence, random_tokens(1), /*last=*/true);
  EXPECT_EQ(sequence->cache.head(0, 0).packed_pages(), 3U);
}

TEST_F(FittedTest, WhatAnEvictionLeftIsFittedAtOnce) {
  const Recipe recipe = recipe_of("snapkv+svd", {"budget.tokens=200"});
  const auto sequence = read(recipe, 600);
  EXPECT_EQ(sequence->cache.head(1, 1).length(), 200);
  EXPECT_EQ(sequence->cache.head(1, 1).packed_pages(), 2U);
}

TEST_F(FittedTest, ThePlanHoldsThePeak) {
  for (const std::string name : {"svd", "think", "pruning", "chunkkv_svd", "snapkv+svd"}) {
    const Recipe recipe = recipe_of(name);
    engine_->memory().reset_peak();
    const size_t before = engine_->memory().usage().bytes;
    engine_->run(greedy(random_tokens(900), recipe, 100));
    EXPECT_LE(engine_->memory().usage().peak_bytes - before,
              engine_->planned_bytes(recipe, PrefillMode::exact, 900, 100))
        << name;
  }
}

TEST_F(FittedTest, OneReadingServesThem) {
  const std::vector<Recipe> recipes = {recipe_of("think"), recipe_of("snapkv+svd"),
                                       recipe_of("distillation")};
  const auto shared = engine_->open_shared(recipes);
  const auto tokens = random_tokens(600);  // a quarter is a page and more
  engine_->read(*shared, tokens, /*last=*/true);
  for (const Recipe& recipe : recipes) {
    const auto compressed = engine_->compressed(*shared, recipe);
    EXPECT_NE(compressed->forms[0], nullptr) << recipe.name;
    EXPECT_GT(compressed->cache.head(0, 0).packed_pages(), 0U) << recipe.name;
  }
}

TEST_F(FittedTest, WhatCannotBeIsRefusedInALine) {
  try {
    engine_->open(recipe_of("svd", {"store.key_rank=40"}));
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(
        std::string(error.what()).find("key_rank to fit 64 channels of a head, got 40; choose one of 16"),
        std::string::npos)
        << error.what();
  }
  try {
    engine_->open(recipe_of("lora"));
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("expected a profile of kind second_moments, got none"),
              std::string::npos)
        << error.what();
  }
  EXPECT_THROW(recipe_of("svd", {"store.bits=5"}), UsageError);
}

}  // namespace
}  // namespace kvcompress::test
