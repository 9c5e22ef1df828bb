#include "eval/task_runner.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>              // std::isnan
#include <nlohmann/json.hpp>  // nlohmann::ordered_json
#include <numeric>            // std::accumulate

#include "eval/task_prompt.h"
#include "eval/task_report.h"
#include "eval/token_score.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress {
namespace {

class TaskRunner : public testing::Test {
 protected:
  TaskRunner() {
    test::write_tiny_gguf({}, folder_.file("tiny.gguf"));
    engine_ = std::make_unique<Engine>(
        folder_.file("tiny.gguf"), EngineOptions{.threads = 1, .chunk = 64, .precision = Precision::exact});
    for (int s = 0; s < 2; s++) samples_.push_back(sample(s));
  }

  static TaskSample sample(int index) {
    TaskSample sample;
    sample.name = "made/" + std::to_string(index);
    for (int i = 0; i < 45; i++) sample.context += std::to_string(i * i + 7 * index) + " the land; ";
    for (int q = 0; q < 3; q++) {
      TaskQuestion question;
      question.text = "What is " + std::to_string(q + 10 * index) + "? It is";
      question.reference = " 4" + std::to_string(q);
      question.expected = {"4"};
      question.max_tokens = 9;
      question.depth_percent = 50.0 * q;
      sample.questions.push_back(question);
    }
    return sample;
  }

  std::vector<TaskResult> run(const std::vector<EvaluatedRecipe>& recipes, TaskRunSettings settings = {}) {
    return run_task(*engine_, samples_, recipes, settings, {});
  }

  static EvaluatedRecipe recipe(const std::string& name, const std::string& budget,
                                const std::vector<std::string>& overrides = {}) {
    return {resolve_recipe({name, overrides, budget}), budget};
  }

  // What a request for the same writes.
  std::string written(const Recipe& recipe, const SampleTokens& tokens, size_t question,
                      TaskRunSettings settings) {
    Request request;
    request.prompt = tokens.context;
    request.question = tokens.questions[question].text;
    if (settings.visible) {
      request.prompt.insert(request.prompt.end(), request.question.begin(), request.question.end());
      request.question.clear();
    }
    request.recipe = recipe;
    request.prefill = settings.prefill;
    request.max_tokens = 9;
    request.sampling.greedy = true;
    std::vector<int32_t> answer = engine_->run(std::move(request)).tokens;
    if (!answer.empty() && engine_->vocabulary().ends_generation(answer.back())) answer.pop_back();
    return engine_->vocabulary().text(answer);
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Engine> engine_;
  std::vector<TaskSample> samples_;
};

TEST_F(TaskRunner, TheFullCacheIsTheModelsOwn) {
  const auto results = run({recipe("full", "")});
  ASSERT_EQ(results.size(), 1U);
  ASSERT_EQ(results[0].questions.size(), 6U);
  EXPECT_EQ(results[0].samples, 2);
  const SampleTokens tokens = TaskPrompter(engine_->vocabulary(), false).tokens(samples_[1]);
  std::vector<int32_t> all = tokens.context;
  const QuestionTokens& asked = tokens.questions[2];
  all.insert(all.end(), asked.text.begin(), asked.text.end());
  const size_t first = all.size() - 1;
  all.insert(all.end(), asked.reference.begin(), asked.reference.end());
  double expected = 0;
  const auto sequence = engine_->open(Recipe{});
  engine_->read(*sequence, std::span(all).first(all.size() - 1), true,
                [&](int index, std::span<const float> logits) {
                  const auto at = static_cast<size_t>(index);
                  if (at >= first) expected -= negative_log_likelihood(reduce(logits), all[at + 1]);
                });
  const QuestionResult& result = results[0].questions[5];
  EXPECT_EQ(result.tokens, static_cast<int64_t>(asked.reference.size()));
  EXPECT_NEAR(result.log_probability, expected, 1e-3);
  EXPECT_EQ(results[0].asked[5].id, "made/1#2");
  EXPECT_EQ(results[0].asked[5].sample, 1);
  EXPECT_EQ(results[0].asked[5].depth_percent, 100);
}

TEST_F(TaskRunner, AnswersAreThoseOfARealRun) {
  const std::vector<EvaluatedRecipe> recipes = {recipe("full", ""), recipe("streaming_llm", "48"),
                                                recipe("kvpress/snapkv", "25%"),
                                                recipe("h2o", "30%", {"budget.recent=8"})};
  for (const bool visible : {false, true}) {
    for (const PrefillMode prefill : {PrefillMode::exact, PrefillMode::bounded}) {
      const TaskRunSettings settings{.visible = visible, .prefill = prefill};
      const auto results = run(recipes, settings);
      ASSERT_EQ(results.size(), recipes.size());
      const TaskPrompter prompter(engine_->vocabulary(), false);
      for (size_t r = 0; r < recipes.size(); r++) {
        for (size_t i = 0; i < 6; i++) {
          const SampleTokens tokens = prompter.tokens(samples_[i / 3]);
          EXPECT_EQ(results[r].questions[i].answer, written(recipes[r].recipe, tokens, i % 3, settings))
              << recipes[r].recipe.name << (visible ? " visible " : " hidden ") << i
              << (prefill == PrefillMode::bounded ? " bounded" : "");
        }
      }
    }
  }
  EXPECT_EQ(engine_->memory().usage().bytes, 0U) << "every sequence is gone";
}

TEST_F(TaskRunner, ABudgetThatEvictsNothingIsTheFullCache) {
  for (const bool visible : {false, true}) {
    for (const TaskResult& result :
         run({recipe("streaming_llm", "500"), recipe("kvpress/snapkv", "500")}, {.visible = visible})) {
      for (size_t i = 0; i < result.questions.size(); i++) {
        EXPECT_NEAR(result.questions[i].log_probability, result.full[i].log_probability, 1e-5);
        EXPECT_EQ(result.questions[i].answer, result.full[i].answer);
      }
    }
  }
}

TEST_F(TaskRunner, AFigureDoesNotDependOnTheRestOfTheList) {
  const EvaluatedRecipe one = recipe("kvpress/snapkv", "25%"),
                        other = recipe("h2o", "20%", {"budget.recent=8"});
  const auto together = run({recipe("full", ""), one, recipe("expected_attention", "25%"), other});
  const auto alone = run({one});
  const auto other_alone = run({other});
  for (size_t i = 0; i < 6; i++) {
    EXPECT_DOUBLE_EQ(together[1].questions[i].log_probability, alone[0].questions[i].log_probability);
    EXPECT_DOUBLE_EQ(together[3].questions[i].log_probability, other_alone[0].questions[i].log_probability);
    EXPECT_DOUBLE_EQ(together[1].full[i].log_probability, alone[0].full[i].log_probability);
  }
  EXPECT_EQ(together[3].evaluated.recipe.name, "h2o");
}

TEST_F(TaskRunner, CountsWhatWasKept) {
  const auto results = run({recipe("streaming_llm", "25%", {"budget.sinks=0"}), recipe("full", "")});
  const KeptShares& kept = results[0].kept;
  ASSERT_EQ(kept.heads.size(), 2U);
  for (const auto& layer : kept.heads) {
    for (const double share : layer) EXPECT_NEAR(share, 0.25, 0.01);
  }
  ASSERT_EQ(kept.positions.size(), static_cast<size_t>(KeptShares::kBins));
  EXPECT_DOUBLE_EQ(kept.positions[0], 0);
  EXPECT_DOUBLE_EQ(kept.positions[63], 1);
  EXPECT_NEAR(std::accumulate(kept.positions.begin(), kept.positions.end(), 0.0) / KeptShares::kBins, 0.25,
              0.01);
  for (const double share : results[1].kept.positions) EXPECT_DOUBLE_EQ(share, 1);
  EXPECT_LT(results[0].cache.bytes_prompt, results[1].cache.bytes_prompt);
  EXPECT_GE(results[0].cache.bytes_peak, results[1].cache.bytes_prompt) << "exact prefill held it all";
  const auto bounded = run({recipe("streaming_llm", "40")}, {.prefill = PrefillMode::bounded});
  EXPECT_LT(bounded[0].cache.bytes_peak, results[1].cache.bytes_prompt);
}

TEST_F(TaskRunner, TheRightLabelIsTheOneWithTheLargestSum) {
  samples_.resize(1);
  TaskQuestion& question = samples_[0].questions[0];
  question.labels = {" 40", " the land", " sea"};
  samples_[0].questions.resize(1);
  std::vector<double> sums;
  for (const std::string& label : question.labels) {
    TaskQuestion plain = question;
    plain.labels.clear();
    plain.reference = label;
    samples_[0].questions = {plain};
    sums.push_back(run({recipe("full", "")})[0].questions[0].log_probability);
  }
  const auto best = static_cast<size_t>(std::max_element(sums.begin(), sums.end()) - sums.begin());
  for (size_t right = 0; right < sums.size(); right++) {
    TaskQuestion labelled = samples_[0].questions[0];
    labelled.labels = {" 40", " the land", " sea"};
    labelled.reference = labelled.labels[right];
    samples_[0].questions = {labelled};
    const auto results = run({recipe("full", "")});
    EXPECT_EQ(results[0].questions[0].label_right, right == best ? 1 : 0);
    EXPECT_EQ(results[0].questions[0].label_margin > 0, right == best);
    EXPECT_EQ(TaskResult::accuracy(results[0].questions), right == best ? 1 : 0);
  }
}

TEST_F(TaskRunner, NothingIsGeneratedWhereNothingIsExpected) {
  for (TaskSample& sample : samples_) {
    for (TaskQuestion& question : sample.questions) question.expected.clear();
  }
  const auto results = run({recipe("full", ""), recipe("streaming_llm", "40")});
  EXPECT_TRUE(std::isnan(TaskResult::score(results[1].questions)));
  EXPECT_EQ(results[1].questions[0].answer, "");
  const Json row = task_row(results[1]);
  for (const char* key : {"score", "score_full", "hit", "accuracy"}) EXPECT_FALSE(row.contains(key)) << key;
  EXPECT_TRUE(row.contains("log_probability_full"));
}

TEST_F(TaskRunner, AnAnswerEndsBeforeItsStop) {
  const std::string whole = run({recipe("full", "")})[0].questions[0].answer;
  ASSERT_GT(whole.size(), 3U);
  samples_[0].questions[0].until = whole.substr(2, 1);
  const std::string cut = run({recipe("full", "")})[0].questions[0].answer;
  EXPECT_EQ(cut, whole.substr(0, whole.find(whole[2])));
}

TEST_F(TaskRunner, WhatCannotBeIsSaidBeforeTheWork) {
  const auto expect_refused = [&](const std::vector<EvaluatedRecipe>& recipes, const std::string& part) {
    bool worked = false;
    try {
      run_task(*engine_, samples_, recipes, {}, [&](int64_t, int64_t) { worked = true; });
      ADD_FAILURE() << "not refused: " << part;
    } catch (const UsageError& error) {
      EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    }
    EXPECT_FALSE(worked);
  };
  expect_refused({recipe("full", ""), recipe("streaming_llm", "3KiB")}, "[budget");  // below a page a head
  samples_[0].questions[1].text = std::string(600, '1');
  expect_refused({recipe("full", "")}, "made/0] expected question 1");
  samples_[0].questions[1].text = "short";
  samples_[1].context = std::string(505, '2');
  expect_refused({recipe("full", "")}, "[made/1] expected context, question and answer of at most 512");
}

TEST_F(TaskRunner, ChatPutsTheQuestionIntoTheUsersMessage) {
  const TaskPrompter chat(engine_->vocabulary(), true);
  const SampleTokens tokens = chat.tokens(samples_[0]);
  std::vector<int32_t> all = tokens.context;
  const QuestionTokens& asked = tokens.questions[0];
  all.insert(all.end(), asked.text.begin(), asked.text.end());
  const ChatMessage message{"user", samples_[0].context + samples_[0].questions[0].text};
  EXPECT_EQ(engine_->vocabulary().text(all, /*special=*/true),
            engine_->vocabulary().apply_chat_template({&message, 1}, true));
  EXPECT_EQ(engine_->vocabulary().text(asked.reference), "40") << "no space at the start of a message";
  EXPECT_EQ(run({recipe("full", "")}, {.chat = true})[0].questions.size(), 6U);
}

TEST_F(TaskRunner, JsonHasTheKeysOfTheInterface) {
  const auto results = run({recipe("full", ""), recipe("streaming_llm", "40")});
  TaskSettings task;
  task.limit = 6;
  const Json json = task_json(*engine_, "needle", task, {}, results);
  EXPECT_EQ(json["task"], "needle");
  EXPECT_EQ(json["protocol"]["question"], "hidden");
  const Json& row = json["results"][1];
  for (const char* key : {"recipe", "budget", "samples", "tokens", "score", "score_full", "hit",
                          "log_probability", "log_probability_full", "exact", "cache", "time"}) {
    EXPECT_TRUE(row.contains(key)) << key;
  }
  EXPECT_EQ(row["samples"], 6);
  EXPECT_GT(row["time"]["ttft_ms"], 0);
  EXPECT_FALSE(json["results"][0].contains("score_full"))
      << "the full cache is what others are compared with";
  EXPECT_NE(task_table(results).find("streaming_llm"), std::string::npos);
}

TEST_F(TaskRunner, ReportsProgressUpToItsEnd) {
  int64_t last_done = -1, last_total = 0;
  run_task(*engine_, samples_, {recipe("streaming_llm", "40"), recipe("h2o", "25%", {"budget.recent=8"})}, {},
           [&](int64_t done, int64_t total) { last_done = done, last_total = total; });
  EXPECT_EQ(last_total, 18);
  EXPECT_EQ(last_done, last_total);
}

TEST(TaskResult, MeansLeaveOutWhatIsMissing) {
  std::vector<QuestionResult> questions(3);
  questions[0].score = 100;
  questions[1].score = 50;
  for (QuestionResult& question : questions) question.tokens = 2;
  questions[0].log_probability = -4;
  questions[2].exact = true;
  EXPECT_DOUBLE_EQ(TaskResult::score(questions), 75);
  EXPECT_DOUBLE_EQ(TaskResult::hit(questions), 0.5);
  EXPECT_DOUBLE_EQ(TaskResult::log_probability(questions), -2.0 / 3);
  EXPECT_DOUBLE_EQ(TaskResult::exact(questions), 1.0 / 3);
  EXPECT_TRUE(std::isnan(TaskResult::accuracy(questions)));
  EXPECT_EQ(TaskResult::tokens(questions), 6);
}

}  // namespace
}  // namespace kvcompress
