// A sequence writes the same tokens alone and in a batch, under every preset, and nothing leaks between
// requests.

#include "engine/engine_fixture.h"

namespace kvcompress::test {
namespace {

class BatchTest : public EngineTest, public testing::WithParamInterface<std::string> {};

TEST_P(BatchTest, AnswersAsItDoesAlone) {
  const std::unique_ptr<Engine> engine = make({.query_heads = 6, .kv_heads = 2}, {.threads = 2, .chunk = 64});
  const Recipe recipe = GetParam() == "full"
                            ? recipe_of("full")
                            : recipe_of(GetParam(), {"budget.tokens=96", "budget.trigger=0"});
  std::vector<std::vector<int32_t>> alone;
  std::vector<std::vector<int32_t>> prompts;
  for (int i = 0; i < 8; ++i) prompts.push_back(random_tokens(40 + 37 * i, static_cast<uint32_t>(i + 1)));
  for (const auto& prompt : prompts) alone.push_back(engine->run(greedy(prompt, recipe)).tokens);

  std::vector<RequestId> ids;
  for (const auto& prompt : prompts) ids.push_back(engine->submit(greedy(prompt, recipe)));
  while (engine->step()) {
  }
  for (size_t i = 0; i < ids.size(); ++i)
    EXPECT_EQ(engine->take(ids[i]).tokens, alone[i]) << "sequence " << i;
  EXPECT_EQ(engine->memory().usage().bytes, 0U);
}

INSTANTIATE_TEST_SUITE_P(Presets, BatchTest,
                         testing::Values("full", "streaming_llm", "recent_only", "l2_compress", "snapkv"));

TEST_F(BatchTest, ArrivingLateChangesNothing) {
  const std::unique_ptr<Engine> engine = make({}, {.threads = 1, .chunk = 32});
  const std::vector<int32_t> first = random_tokens(100, 1), second = random_tokens(70, 2);
  const std::vector<int32_t> alone = engine->run(greedy(second, recipe_of("full"))).tokens;
  const RequestId a = engine->submit(greedy(first, recipe_of("full"), 40));
  for (int i = 0; i < 9; ++i) engine->step();
  const RequestId b = engine->submit(greedy(second, recipe_of("full")));
  while (engine->step()) {
  }
  EXPECT_EQ(engine->take(b).tokens, alone);
  EXPECT_EQ(engine->take(a).tokens.size(), 40U);
}

}  // namespace
}  // namespace kvcompress::test
