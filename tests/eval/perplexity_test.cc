#include "eval/perplexity.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>              // std::exp
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress {
namespace {

class Perplexity : public testing::Test {
 protected:
  Perplexity() {
    test::write_tiny_gguf({}, folder_.file("tiny.gguf"));
    engine_ = std::make_unique<Engine>(
        folder_.file("tiny.gguf"), EngineOptions{.threads = 1, .chunk = 64, .precision = Precision::exact});
    settings_.plan = {.context = 120, .target = 60, .stride = 50, .limit = 2};
    for (int i = 0; i < 300; i++) text_.push_back(3 + (i * i + i / 7) % 250);
  }

  std::vector<PerplexityResult> evaluate(const std::vector<EvaluatedRecipe>& recipes) {
    const auto windows = cut_windows({text_}, settings_.plan, /*bos=*/-1);
    return evaluate_perplexity(*engine_, windows, recipes, settings_, {});
  }

  static EvaluatedRecipe recipe(const std::string& name, const std::string& budget,
                                const std::vector<std::string>& overrides = {}) {
    return {resolve_recipe({name, overrides, budget}), budget};
  }

  // Mean negative log-likelihood of the tokens after `context`, straight from the engine.
  double direct(std::span<const int32_t> window, int64_t context) {
    const auto sequence = engine_->open(Recipe{});
    double sum = 0;
    engine_->read(*sequence, window.first(window.size() - 1), true,
                  [&](int index, std::span<const float> logits) {
                    if (index >= context)
                      sum += negative_log_likelihood(reduce(logits), window[static_cast<size_t>(index) + 1]);
                  });
    return sum;
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Engine> engine_;
  PerplexitySettings settings_;
  std::vector<int32_t> text_;
};

TEST_F(Perplexity, OfTheFullCacheIsTheModelsOwn) {
  const auto results = evaluate({recipe("full", "")});
  ASSERT_EQ(results.size(), 1U);
  EXPECT_EQ(results[0].samples, 2);
  EXPECT_EQ(results[0].sums.tokens, 120);
  EXPECT_TRUE(results[0].sums.divergences.empty());
  const std::span<const int32_t> text = text_;
  const double expected = direct(text.subspan(0, 181), 120) + direct(text.subspan(50, 181), 120);
  EXPECT_NEAR(results[0].sums.negative_log_likelihood, expected, 1e-3);
  EXPECT_EQ(results[0].cache.tokens_seen, 180);
}

TEST_F(Perplexity, AWholeWindowIsScoredWithoutContext) {
  settings_.plan = {.context = 0, .target = 180, .stride = 200, .limit = 1};
  const auto results = evaluate({recipe("full", "")});
  EXPECT_EQ(results[0].sums.tokens, 180);
  EXPECT_NEAR(results[0].sums.negative_log_likelihood, direct(std::span<const int32_t>(text_).first(181), 0),
              1e-3);
  EXPECT_EQ(results[0].read_ms, 0);
}

TEST_F(Perplexity, ABudgetThatEvictsNothingIsTheFullCache) {
  for (const char* name : {"streaming_llm", "kvpress/snapkv"}) {
    const auto results = evaluate({recipe(name, "400")});
    EXPECT_NEAR(results[0].sums.negative_log_likelihood, results[0].full.negative_log_likelihood, 1e-6)
        << name;
    EXPECT_LT(results[0].sums.kl_quantile(1), 1e-6) << name;
    EXPECT_DOUBLE_EQ(results[0].sums.top1_agreement(), 1) << name;
  }
}

TEST_F(Perplexity, ASmallBudgetIsFeltAndCounted) {
  const auto results = evaluate({recipe("streaming_llm", "32"), recipe("kvpress/snapkv", "66")});
  ASSERT_EQ(results.size(), 2U);
  EXPECT_TRUE(results[0].by_steps);
  EXPECT_FALSE(results[1].by_steps);
  for (const PerplexityResult& result : results) {
    EXPECT_GT(result.sums.kl_mean(), 1e-5);
    EXPECT_EQ(result.sums.divergences.size(), 120U);
    EXPECT_LT(result.cache.bytes, result.cache.bytes_full);
    EXPECT_GE(result.cache.bytes_peak, result.cache.bytes_prompt);
    EXPECT_GT(result.cache.bytes_prompt, 0U);
  }
  EXPECT_EQ(engine_->memory().usage().bytes, 0U) << "every sequence is gone";
}

TEST_F(Perplexity, AFigureDoesNotDependOnTheRestOfTheList) {
  const EvaluatedRecipe held = recipe("streaming_llm", "32"), grown = recipe("kvpress/knorm", "50%");
  const auto together = evaluate({recipe("full", ""), held, grown, recipe("recent_only", "40")});
  const auto alone = evaluate({grown});
  EXPECT_DOUBLE_EQ(together[2].sums.negative_log_likelihood, alone[0].sums.negative_log_likelihood);
  EXPECT_DOUBLE_EQ(together[2].sums.kl_mean(), alone[0].sums.kl_mean());
  EXPECT_DOUBLE_EQ(together[1].sums.negative_log_likelihood,
                   evaluate({held})[0].sums.negative_log_likelihood);
  EXPECT_EQ(together[1].evaluated.recipe.name, "streaming_llm");
  EXPECT_EQ(together[3].evaluated.recipe.name, "recent_only");
}

TEST_F(Perplexity, AStreamIsCompressedFromTheFirstToken) {
  settings_.mode = PerplexitySettings::Mode::stream;
  settings_.plan = {.context = 0, .target = 180, .stride = 200, .limit = 1};
  const auto results =
      evaluate({recipe("full", ""), recipe("streaming_llm", "32"), recipe("kvpress/knorm", "48")});
  EXPECT_EQ(results[0].sums.tokens, 180);
  EXPECT_NEAR(results[0].sums.negative_log_likelihood, direct(std::span<const int32_t>(text_).first(181), 0),
              1e-3);
  // 2 layers, 1 KV head: a page or two for each, never what 180 tokens take.
  for (size_t i = 1; i < results.size(); i++) {
    EXPECT_LE(results[i].cache.bytes_peak, 4 * engine_->pool().page_bytes());
    EXPECT_GT(results[i].sums.kl_mean(), 1e-5);
  }
}

TEST_F(Perplexity, ReportsProgressUpToItsEnd) {
  int64_t last_done = 0, last_total = -1;
  const auto windows = cut_windows({text_}, settings_.plan, -1);
  evaluate_perplexity(*engine_, windows, {recipe("streaming_llm", "32"), recipe("kvpress/knorm", "48")},
                      settings_, [&](int64_t done, int64_t total) { last_done = done, last_total = total; });
  EXPECT_EQ(last_done, last_total);
}

TEST_F(Perplexity, AWindowBeyondTheContextIsAnError) {
  settings_.plan = {.context = 400, .target = 200, .stride = 10, .limit = 1};
  std::vector<int32_t> long_text(1000, 5);
  const auto windows = cut_windows({long_text}, settings_.plan, -1);
  EXPECT_THROW(evaluate_perplexity(*engine_, windows, {recipe("full", "")}, settings_, {}), UsageError);
}

TEST_F(Perplexity, JsonHasTheKeysOfTheInterfaceAndNoneThatIsEmpty) {
  const auto results = evaluate({recipe("full", ""), recipe("streaming_llm", "32")});
  const Json json = perplexity_json(*engine_, "text.txt", settings_, results);
  EXPECT_EQ(json["task"], "ppl");
  EXPECT_EQ(json["model"], "tiny.gguf");
  EXPECT_EQ(json["data"], "text.txt");
  EXPECT_EQ(json["protocol"]["context"], 120);
  const Json& row = json["results"][1];
  for (const char* key : {"recipe", "budget", "samples", "tokens", "perplexity", "accuracy", "kl_mean",
                          "kl_p99", "top1_agreement", "cache", "time"}) {
    EXPECT_TRUE(row.contains(key)) << key;
  }
  EXPECT_FALSE(row["cache"].contains("kept"));
  EXPECT_FALSE(row.contains("score"));
  EXPECT_FALSE(json["results"][0].contains("kl_mean")) << "the full cache is what others are compared with";
  EXPECT_NE(perplexity_table(results).find("streaming_llm"), std::string::npos);
}

}  // namespace
}  // namespace kvcompress
