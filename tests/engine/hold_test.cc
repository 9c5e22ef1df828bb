// Holding a budget token by token: the shortcuts give what the long way gives.
#include <kvcompress/error.h>  // Error

#include <algorithm>  // std::fill, std::find
#include <cmath>      // std::nanf
#include <limits>     // std::numeric_limits
#include <random>     // std::mt19937

#include "engine/compressor.h"  // lowest_slot
#include "engine/engine_fixture.h"
#include "policy/budget.h"  // select_slots

namespace kvcompress::test {
namespace {

TEST(LowestSlotTest, IsTheOneThatSelectingLeavesOut) {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    const auto slots = static_cast<size_t>(2 + random() % 300);
    std::vector<float> scores(slots);
    std::vector<uint8_t> forced(slots);
    for (float& score : scores) score = static_cast<float>(random() % 8) - 4;  // many are equal
    for (uint8_t& flag : forced) flag = random() % 3 == 0 ? 1 : 0;
    forced[random() % slots] = 0;
    const std::vector<int32_t> kept = select_slots({scores, forced, static_cast<int64_t>(slots) - 1, 0, 0});
    int32_t left_out = 0;
    while (left_out < static_cast<int32_t>(kept.size()) && kept[left_out] == left_out) ++left_out;
    EXPECT_EQ(lowest_slot(scores, forced, 0, static_cast<int64_t>(slots)), left_out);
  }
}

TEST(LowestSlotTest, LooksAtItsRangeAlone) {
  const std::vector<float> scores = {-9, 3, 2, 2, 5, -9};
  EXPECT_EQ(lowest_slot(scores, {}, 1, 5), 3);
  EXPECT_EQ(lowest_slot(scores, {}, 0, 6), 5);
  EXPECT_EQ(lowest_slot(scores, std::vector<uint8_t>{0, 0, 0, 1, 0, 0}, 1, 5), 2);
  EXPECT_EQ(lowest_slot(scores, {}, 3, 3), -1);
  EXPECT_EQ(lowest_slot(scores, std::vector<uint8_t>(6, 1), 0, 6), -1);
}

TEST(LowestSlotTest, RefusesWhatIsNoNumber) {
  std::vector<float> scores(40, 1.0F);
  scores[33] = std::nanf("");
  EXPECT_THROW(lowest_slot(scores, {}, 0, 40), Error);
  EXPECT_EQ(lowest_slot(scores, {}, 0, 33), 32);
  std::vector<uint8_t> forced(40);
  forced[33] = 1;
  EXPECT_EQ(lowest_slot(scores, forced, 0, 40), 39);
}

TEST(LowestSlotTest, TellsInfiniteScoresFromForcedSlots) {
  std::vector<float> scores(200, std::numeric_limits<float>::infinity());
  std::vector<uint8_t> forced(200);
  std::fill(forced.begin() + 60, forced.end(), uint8_t{1});
  EXPECT_EQ(lowest_slot(scores, forced, 0, 200), 59);
  scores[7] = -scores[7];
  EXPECT_EQ(lowest_slot(scores, forced, 0, 200), 7);
}

class HoldTest : public EngineTest {};

// TOVA by the logits that decode attention leaves behind, and by a capture of the newest query. The page form
// and float32 are the same, so the heads keep the same tokens.
TEST_F(HoldTest, NewestQueryIsScoredFromDecodesOwnLogits) {
  const auto engine = make({.layers = 3, .query_heads = 6, .kv_heads = 2},
                           {.threads = 2, .chunk = 64, .precision = Precision::exact});
  const auto quick = engine->open(recipe_of("tova", {"budget.tokens=100"}));
  engine->read(*quick, random_tokens(300), /*last=*/true);
  const auto slow = engine->fork(*quick);
  std::vector<float> logits(2 * static_cast<size_t>(engine->config().vocabulary));
  for (int i = 0; i < 90; ++i) {
    Sequence* const both[] = {quick.get(), slow.get()};
    const int32_t token[] = {5 + i % 40, 5 + i % 40};
    slow->recipe.budget.trigger = 1000;  // puts the eviction off
    engine->decode(both, token, logits.data());
    EXPECT_EQ(slow->cache.head(0, 0).length(), 101);
    slow->recipe.budget.trigger = 0;
    slow->observed.decode_logits_fresh = false;
    engine->hold(*slow);
    ASSERT_EQ(engine->kept_positions(*quick), engine->kept_positions(*slow))
        << "after " << i + 1 << " tokens";
    EXPECT_EQ(quick->cache.head(0, 0).length(), 100);
  }
  EXPECT_EQ(quick->observed.decode_logits.size(), 3U);
}

TEST_F(HoldTest, PinnedTokensStayWhileABudgetIsHeld) {
  const auto engine = make({.query_heads = 6, .kv_heads = 2}, {.chunk = 64});
  for (const char* name : {"streaming_llm", "tova", "h2o_l2"}) {
    const auto sequence = engine->open(recipe_of(name, {"budget.tokens=100", "budget.recent=30"}));
    engine->read(*sequence, random_tokens(300), /*last=*/true);
    const int32_t pinned = engine->kept_positions(*sequence)[1][0][40];
    sequence->cache.head(1, 0).pin(40, true);
    std::vector<float> logits(static_cast<size_t>(engine->config().vocabulary));
    for (int i = 0; i < 150; ++i) {
      Sequence* const one[] = {sequence.get()};
      const int32_t token[] = {5 + i % 40};
      engine->decode(one, token, logits.data());
    }
    const std::vector<int32_t> kept = engine->kept_positions(*sequence)[1][0];
    EXPECT_EQ(kept.size(), 100U) << name;
    EXPECT_TRUE(std::find(kept.begin(), kept.end(), pinned) != kept.end()) << name;
  }
}

}  // namespace
}  // namespace kvcompress::test
