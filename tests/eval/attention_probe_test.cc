#include "eval/attention_probe.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>  // std::exp

#include "eval/perplexity.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress {
namespace {

class Probe : public testing::Test {
 protected:
  Probe() {
    test::write_tiny_gguf({}, folder_.file("tiny.gguf"));
    engine_ = std::make_unique<Engine>(
        folder_.file("tiny.gguf"), EngineOptions{.threads = 1, .chunk = 64, .precision = Precision::exact});
    for (int i = 0; i < 300; i++) text_.push_back(3 + (i * i + i / 7) % 250);
    settings_.plan = {.context = 120, .target = 90, .stride = 50, .limit = 2};
  }

  std::vector<PerplexityResult> evaluate(const std::vector<EvaluatedRecipe>& recipes, bool attention) {
    settings_.attention = attention;
    return evaluate_perplexity(*engine_, cut_windows({text_}, settings_.plan, -1), recipes, settings_, {});
  }

  static EvaluatedRecipe recipe(const std::string& name, const std::string& budget,
                                const std::vector<std::string>& overrides = {}) {
    return {resolve_recipe({name, overrides, budget}), budget};
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Engine> engine_;
  PerplexitySettings settings_;
  std::vector<int32_t> text_;
};

// One step by the definition: softmax over everything the cache was ever given, in double.
TEST_F(Probe, AgreesWithTheDefinition) {
  const std::span<const int32_t> context = std::span<const int32_t>(text_).first(100);
  const auto full = engine_->open(Recipe{});
  engine_->read(*full, context, true);
  const auto method = engine_->open(resolve_recipe({"kvpress/knorm", {}, "30%"}));
  engine_->read(*method, context, true);
  AttentionProbe probe(*engine_, *full);
  probe.begin(*method);
  engine_->read(*method, std::span<const int32_t>(text_).subspan(100, 1), false);
  probe.end(*method);

  const ModelConfig& config = engine_->config();
  const auto width = static_cast<size_t>(config.head_dim);
  double hits = 0, errors = 0;
  for (int layer = 0; layer < config.layers; layer++) {
    double difference = 0, norm = 0;
    for (int q = 0; q < config.query_heads; q++) {  // one KV head
      const float* query = method->observed.window.queries(layer, 0, 1) + q * width;
      const HeadSlots& all = full->cache.head(layer, 0);
      const HeadSlots& own = method->cache.head(layer, 0);
      std::vector<int32_t> kept(static_cast<size_t>(own.length()));
      own.positions(kept);
      std::vector<double> mass(2, 0.0);  // all, kept
      std::vector<std::vector<double>> output(2, std::vector<double>(width, 0.0));
      std::vector<float> key(width), value(width);
      for (int i = 0; i <= all.length(); i++) {
        const bool newest = i == all.length();
        newest ? own.load(own.length() - 1, key.data(), value.data()) : all.load(i, key.data(), value.data());
        double logit = 0;
        for (size_t c = 0; c < width; c++) logit += static_cast<double>(query[c]) * key[c];
        const double weight = std::exp(logit * config.attention_scale);
        const bool held = newest || std::find(kept.begin(), kept.end(), i) != kept.end();
        for (size_t which = 0; which < (held ? 2U : 1U); which++) {
          mass[which] += weight;
          for (size_t c = 0; c < width; c++) output[which][c] += weight * value[c];
        }
      }
      hits += mass[1] / mass[0];
      for (size_t c = 0; c < width; c++) {
        const double whole = output[0][c] / mass[0], part = output[1][c] / mass[1];
        difference += (part - whole) * (part - whole);
        norm += whole * whole;
      }
    }
    errors += std::sqrt(difference / norm);
  }
  EXPECT_EQ(probe.sums().heads, config.layers * config.query_heads);
  EXPECT_NEAR(probe.sums().mean_hit(), hits / (config.layers * config.query_heads), 1e-5);
  EXPECT_NEAR(probe.sums().mean_error(), errors / config.layers, 1e-4);
  EXPECT_LT(probe.sums().mean_hit(), 0.99);
  EXPECT_EQ(method->recipe.name, "kvpress/knorm") << "the recipe is given back";
}

TEST_F(Probe, ACacheThatEvictsNothingMissesNothing) {
  for (const char* name : {"streaming_llm", "kvpress/snapkv"}) {
    const auto results = evaluate({recipe(name, "400")}, true);
    EXPECT_NEAR(results[0].attention.mean_hit(), 1, 1e-6) << name;
    EXPECT_LT(results[0].attention.mean_error(), 1e-5) << name;
  }
}

TEST_F(Probe, ASmallerBudgetHitsLess) {
  const auto results = evaluate({recipe("kvpress/knorm", "60%"), recipe("kvpress/knorm", "20%"),
                                 recipe("streaming_llm", "60"), recipe("streaming_llm", "16")},
                                true);
  for (const size_t larger : {size_t{0}, size_t{2}}) {
    EXPECT_GT(results[larger].attention.mean_hit(), results[larger + 1].attention.mean_hit());
    EXPECT_LT(results[larger].attention.mean_error(), results[larger + 1].attention.mean_error());
    EXPECT_GT(results[larger + 1].attention.mean_hit(), 0);
  }
}

// To watch changes nothing that is watched.
TEST_F(Probe, OtherFiguresStayAsTheyAre) {
  for (const auto mode : {PerplexitySettings::Mode::two_phase, PerplexitySettings::Mode::stream}) {
    settings_.mode = mode;
    const std::vector<EvaluatedRecipe> recipes = {
        recipe("streaming_llm", "32"), recipe("h2o", "40", {"budget.recent=8"}), recipe("l2_compress", "40"),
        recipe("kvpress/knorm", "30%"), recipe("tova", "40")};
    const auto plain = evaluate(recipes, false), watched = evaluate(recipes, true);
    for (size_t r = 0; r < recipes.size(); r++) {
      EXPECT_NEAR(plain[r].sums.negative_log_likelihood, watched[r].sums.negative_log_likelihood,
                  1e-5 * plain[r].sums.negative_log_likelihood)
          << recipes[r].recipe.name;
      EXPECT_EQ(plain[r].attention.heads, 0);
      EXPECT_GT(watched[r].attention.heads, 0);
    }
  }
  EXPECT_EQ(engine_->memory().usage().bytes, 0U);
}

TEST_F(Probe, BoundedPrefillIsRefused) {
  settings_.prefill = PrefillMode::bounded;
  EXPECT_THROW(evaluate({recipe("streaming_llm", "32")}, true), UsageError);
}

TEST_F(Probe, WindowsAddUpToTheSums) {
  for (const PerplexityResult& result :
       evaluate({recipe("full", ""), recipe("streaming_llm", "32")}, false)) {
    ASSERT_EQ(result.windows.size(), 2U);
    WindowSums all;
    for (const WindowSums& window : result.windows) {
      EXPECT_EQ(window.tokens, 90);
      all.tokens += window.tokens;
      all.correct += window.correct;
      all.agreed += window.agreed;
      all.divergence += window.divergence;
      all.negative_log_likelihood += window.negative_log_likelihood;
      all.negative_log_likelihood_full += window.negative_log_likelihood_full;
    }
    EXPECT_EQ(all.tokens, result.sums.tokens);
    EXPECT_EQ(all.correct, result.sums.correct);
    EXPECT_EQ(all.agreed, result.sums.agreed);
    EXPECT_NEAR(all.negative_log_likelihood, result.sums.negative_log_likelihood, 1e-9);
    EXPECT_NEAR(all.negative_log_likelihood_full, result.full.negative_log_likelihood, 1e-9);
    if (result.sums.divergences.empty()) continue;
    EXPECT_NEAR(all.divergence / static_cast<double>(all.tokens), result.sums.kl_mean(), 1e-9);
  }
}

}  // namespace
}  // namespace kvcompress
