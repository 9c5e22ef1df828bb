// Requests: checks before work, stop strings, cancellation, following turns, forks.

#include <kvcompress/error.h>

#include "engine/engine_fixture.h"

namespace kvcompress::test {
namespace {

class RequestsTest : public EngineTest {};

TEST_F(RequestsTest, RefusesWhatCannotWork) {
  const std::unique_ptr<Engine> engine = make();
  EXPECT_THROW(engine->submit(greedy({}, recipe_of("full"))), UsageError);
  EXPECT_THROW(engine->submit(greedy(random_tokens(3000), recipe_of("full"))), UsageError);
  EXPECT_THROW(engine->submit(greedy({kTinyVocabulary}, recipe_of("full"))), UsageError);
  EXPECT_THROW(engine->submit(greedy({5}, recipe_of("snapkv", {"budget.tokens=4096"}))), UsageError);
}

TEST_F(RequestsTest, RefusesTooLittleMemoryBeforeTheWork) {
  EngineOptions options;
  options.cache_limit_bytes = 100000;
  const std::unique_ptr<Engine> engine = make({}, options);
  EXPECT_THROW(engine->submit(greedy(random_tokens(1000), recipe_of("full"))), CapacityError);
  EXPECT_EQ(engine->memory().usage().bytes, 0U);
}

TEST_F(RequestsTest, RefusesOptionsOutOfRange) {
  EXPECT_THROW(make({}, {.threads = 0}), UsageError);
  EXPECT_THROW(make({}, {.chunk = 0}), UsageError);
  EXPECT_THROW(make({}, {.context = 4096}), UsageError);
  EXPECT_EQ(make({}, {.context = 4096, .rope_extend = true})->context(), 4096);
}

TEST_F(RequestsTest, StopStringEndsTheText) {
  const std::unique_ptr<Engine> engine = make();
  const Completion all = engine->run(greedy(random_tokens(20), recipe_of("full"), 40));
  ASSERT_GT(all.text.size(), 4U);
  Request request = greedy(random_tokens(20), recipe_of("full"), 40);
  request.stop = {all.text.substr(2, 3)};
  const Completion stopped = engine->run(request);
  EXPECT_EQ(stopped.receipt.finish, FinishReason::stop);
  EXPECT_EQ(stopped.text, all.text.substr(0, all.text.find(request.stop[0])));
}

TEST_F(RequestsTest, StreamsTheWholeText) {
  const std::unique_ptr<Engine> engine = make();
  Request request = greedy(random_tokens(20), recipe_of("full"), 30);
  std::string streamed;
  int64_t progress = 0;
  request.on_token = [&](const StreamEvent& event) { streamed += event.text; };
  request.on_progress = [&](int64_t done, int64_t) { progress = done; };
  const Completion done = engine->run(request);
  EXPECT_EQ(streamed, done.text);
  EXPECT_EQ(progress, 20);
  EXPECT_EQ(done.receipt.finish, FinishReason::length);
  EXPECT_EQ(done.receipt.generated_tokens, 30);
}

TEST_F(RequestsTest, StopFlagEndsARunWithinAStep) {
  const std::unique_ptr<Engine> engine = make({}, {.chunk = 16});
  Request request = greedy(random_tokens(500), recipe_of("full"));
  request.on_progress = [&](int64_t done, int64_t) {
    if (done >= 64) engine->stop_flag() = true;
  };
  const RequestId id = engine->submit(request);
  EXPECT_THROW(while (engine->step()){}, Cancelled);
  const Completion partial = engine->take(id);
  EXPECT_EQ(partial.receipt.finish, FinishReason::cancelled);
  EXPECT_GE(partial.receipt.cache.tokens_seen, 64);
  EXPECT_LT(partial.receipt.cache.tokens_seen, 500);
}

TEST_F(RequestsTest, FollowingTurnSeesTheWholeConversation) {
  const std::unique_ptr<Engine> engine = make({}, {.precision = Precision::exact});
  const std::vector<int32_t> first = random_tokens(50, 1), second = random_tokens(30, 2);
  const RequestId id = engine->submit(greedy(first, recipe_of("full"), 10));
  std::vector<int32_t> answer;
  while (!engine->finished(id)) engine->step();
  // The same as one prompt of both turns with the answer between them.
  const Completion turn_one = engine->run(greedy(first, recipe_of("full"), 10));
  std::vector<int32_t> joined = first;
  joined.insert(joined.end(), turn_one.tokens.begin(), turn_one.tokens.end());
  joined.insert(joined.end(), second.begin(), second.end());
  const Completion expected = engine->run(greedy(joined, recipe_of("full"), 10));
  engine->follow_up(id, second, 10);
  while (!engine->finished(id)) engine->step();
  EXPECT_EQ(engine->take(id).tokens, expected.tokens);
}

TEST_F(RequestsTest, QuestionIsReadAfterCompression) {
  const std::unique_ptr<Engine> engine = make({}, {.chunk = 64});
  Request request = greedy(random_tokens(300), recipe_of("snapkv", {"budget.tokens=100"}), 1);
  request.question = random_tokens(20, 5);
  std::vector<std::vector<std::vector<int32_t>>> at_prompt;
  request.on_prompt = [&](const Sequence& sequence) { at_prompt = engine->kept_positions(sequence); };
  const Completion done = engine->run(request);
  EXPECT_EQ(at_prompt[0][0].size(), 100U);
  EXPECT_LT(at_prompt[0][0].back(), 300);
  EXPECT_EQ(done.receipt.cache.kept[0][0], 120);
}

TEST_F(RequestsTest, ForkSharesPagesAndThenParts) {
  const std::unique_ptr<Engine> engine = make({}, {.chunk = 64});
  const auto sequence = engine->open(recipe_of("full"));
  engine->read(*sequence, random_tokens(200), true);
  const size_t before = engine->memory().usage().bytes;
  auto forked = std::make_unique<Sequence>(sequence->fork());
  EXPECT_EQ(engine->memory().usage().bytes, before);

  const auto vocabulary = static_cast<size_t>(engine->config().vocabulary);
  std::vector<float> logits(2 * vocabulary), alone(vocabulary);
  const std::vector<int32_t> tokens = {7, 9};
  Sequence* const both[] = {sequence.get(), forked.get()};
  engine->decode(both, tokens, logits.data());
  EXPECT_GT(engine->memory().usage().bytes, before);

  const auto again = engine->open(recipe_of("full"));
  engine->read(*again, random_tokens(200), true);
  Sequence* const one[] = {again.get()};
  engine->decode(one, std::span(tokens).last(1), alone.data());
  EXPECT_EQ(std::vector<float>(logits.begin() + static_cast<int64_t>(vocabulary), logits.end()), alone);
}

}  // namespace
}  // namespace kvcompress::test
