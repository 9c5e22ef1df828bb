#include "eval/fidelity.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <fstream>            // std::ofstream
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress {
namespace {

class Fidelity : public testing::Test {
 protected:
  Fidelity() {
    test::write_tiny_gguf({}, folder_.file("tiny.gguf"));
    engine_ = std::make_unique<Engine>(
        folder_.file("tiny.gguf"), EngineOptions{.threads = 1, .chunk = 64, .precision = Precision::exact});
    for (int p = 0; p < 3; p++) {
      FidelityPrompt prompt{"p" + std::to_string(p), ""};
      for (int i = 0; i < 40; i++) prompt.text += std::to_string(i * i + 3 * p) + " the sea; ";
      prompts_.push_back(prompt);
    }
    settings_.predict = 24;
  }

  std::vector<FidelityResult> evaluate(const std::vector<EvaluatedRecipe>& recipes) {
    return evaluate_fidelity(*engine_, prompts_, recipes, settings_, {});
  }

  static EvaluatedRecipe recipe(const std::string& name, const std::string& budget,
                                const std::vector<std::string>& overrides = {}) {
    return {resolve_recipe({name, overrides, budget}), budget};
  }

  std::vector<int32_t> written(const Recipe& recipe, const std::string& text) {
    Request request;
    request.prompt = engine_->vocabulary().tokenize(text, true, false);
    request.recipe = recipe;
    request.prefill = settings_.prefill;
    request.max_tokens = static_cast<int>(settings_.predict);
    request.sampling.greedy = true;
    std::vector<int32_t> tokens = engine_->run(std::move(request)).tokens;
    if (!tokens.empty() && engine_->vocabulary().ends_generation(tokens.back())) tokens.pop_back();
    return tokens;
  }

  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_.file(name)) << text;
    return folder_.file(name);
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Engine> engine_;
  std::vector<FidelityPrompt> prompts_;
  FidelitySettings settings_;
};

TEST_F(Fidelity, ABudgetThatEvictsNothingWritesTheSame) {
  const auto results = evaluate({recipe("full", ""), recipe("kvpress/snapkv", "500")});
  ASSERT_EQ(results.size(), 2U);
  EXPECT_DOUBLE_EQ(results[1].equal_share(), 1);
  EXPECT_DOUBLE_EQ(results[1].same_answers(), 1);
  EXPECT_TRUE(std::isnan(results[1].first_difference()));
  EXPECT_LT(results[1].along_full().kl_quantile(1), 1e-6);
  EXPECT_TRUE(results[0].along_full().divergences.empty());
}

TEST_F(Fidelity, AnswersAreThoseOfRealRuns) {
  for (const PrefillMode prefill : {PrefillMode::exact, PrefillMode::bounded}) {
    settings_.prefill = prefill;
    int differing = 0;
    for (const FidelityResult& result :
         evaluate({recipe("streaming_llm", "24"), recipe("kvpress/knorm", "10%"),
                   recipe("h2o", "24", {"budget.recent=8"})})) {
      ASSERT_EQ(result.answers.size(), 3U);
      for (size_t p = 0; p < 3; p++) {
        const FidelityAnswer& answer = result.answers[p];
        EXPECT_EQ(answer.tokens, written(result.evaluated.recipe, prompts_[p].text))
            << result.evaluated.recipe.name << p;
        EXPECT_EQ(answer.full, written(Recipe{}, prompts_[p].text));
        const auto [full, own] =
            std::mismatch(answer.full.begin(), answer.full.end(), answer.tokens.begin(), answer.tokens.end());
        const bool same = full == answer.full.end() && own == answer.tokens.end();
        EXPECT_EQ(answer.first_difference, same ? -1 : full - answer.full.begin());
        differing += same ? 0 : 1;
        EXPECT_EQ(same, answer.equal_share == 1);
        EXPECT_EQ(answer.along_full.divergences.size(), static_cast<size_t>(answer.along_full.tokens));
      }
    }
    EXPECT_GT(differing, 0) << "nothing was tested";
  }
  EXPECT_EQ(engine_->memory().usage().bytes, 0U) << "every sequence is gone";
}

TEST_F(Fidelity, AgreementFallsWhereTheAnswersPart) {
  const auto results = evaluate({recipe("streaming_llm", "12")});
  const ScoreSums along = results[0].along_full();
  EXPECT_GT(along.kl_mean(), 0);
  for (const FidelityAnswer& answer : results[0].answers) {
    const int64_t disagreed = answer.along_full.tokens - answer.along_full.agreed;
    EXPECT_EQ(answer.first_difference >= 0, disagreed > 0);
  }
  const Json json = fidelity_json(*engine_, "x", settings_, results);
  for (const char* key : {"equal_tokens", "same_answers", "kl_mean", "kl_p99", "top1_agreement", "cache"}) {
    EXPECT_TRUE(json["results"][0].contains(key)) << key;
  }
}

TEST_F(Fidelity, ReadsPromptsFromTextAndLines) {
  const auto lines = read_prompts(write(
      "a.jsonl", "{\"prompt\": \"one\"}\n\n{\"input\": \"two\"}\n{\"turns\": [\"three\", \"four\"]}\n"));
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[1].text, "two");
  EXPECT_EQ(lines[2].text, "three");
  EXPECT_EQ(read_prompts(write("b.txt", "whole text")).at(0).text, "whole text");
  try {
    read_prompts(write("c.jsonl", "{\"prompt\": \"one\"}\n{\"text\": \"two\"}\n"));
    ADD_FAILURE();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("line 2"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("prompt"), std::string::npos) << error.what();
  }
}

TEST_F(Fidelity, APromptBeyondTheContextIsAnError) {
  settings_.predict = 400;
  EXPECT_THROW(evaluate({recipe("full", "")}), UsageError);
}

}  // namespace
}  // namespace kvcompress
