#include <fmt/format.h>
#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <cmath>  // std::sqrt, std::abs

#include "base/random.h"
#include "eval/calibrate/calibrator.h"
#include "eval/calibrate/gate_fit.h"
#include "eval/calibrate/gate_held_out.h"
#include "eval/calibrate/made_up.h"
#include "eval/calibrate/needles.h"
#include "policy/budget/key_rank.h"
#include "policy/calibrations_shipped.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress {
namespace {

class Calibrating : public testing::Test {
 protected:
  Calibrating() {
    test::write_tiny_gguf({.layers = 3, .query_heads = 4, .kv_heads = 2, .context_length = 1024},
                          folder_.file("tiny.gguf"));
    engine_ = std::make_unique<Engine>(
        folder_.file("tiny.gguf"), EngineOptions{.threads = 2, .chunk = 64, .precision = Precision::exact});
    Random random(7);
    while (text_.text.size() < 6000)
      text_.text += made_up_name(random) + " saw the " + made_up_noun(random) + ". ";
    text_.path = "/some/where/book.txt";
  }

  Calibration measure(const std::string& kind, int64_t window, int64_t windows,
                      const std::vector<std::string>& overrides = {}) {
    const auto calibrator = make_calibrator(kind);
    return calibrate(*engine_, *calibrator, {{text_}, window, windows, 1, overrides}, {});
  }

  // As written to a file and read again, given to a recipe.
  Recipe recipe_with(const std::string& name, const Calibration& calibration, const std::string& budget,
                     const std::vector<std::string>& overrides = {}) {
    Recipe recipe = resolve_recipe({name, overrides, budget});
    recipe.calibrations = {
        std::make_shared<Calibration>(parse_calibration(calibration_json(calibration), "test"))};
    return recipe;
  }

  std::vector<int32_t> tokens(size_t count) const {
    std::vector<int32_t> all = engine_->vocabulary().tokenize(text_.text, false, false);
    all.resize(count);
    return all;
  }

  int64_t kept_after(const Recipe& recipe, size_t prompt) {
    const auto sequence = engine_->open(recipe);
    engine_->read(*sequence, tokens(prompt), /*last=*/true);
    int64_t kept = 0;
    for (const auto& layer : engine_->cache_receipt(*sequence).kept) {
      for (const auto slots : layer) kept += slots;
    }
    return kept;
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<Engine> engine_;
  TextFile text_;
};

TEST(GateFit, FindsTheMapThatMadeTheTargets) {
  constexpr int kFeatures = 12, kTargets = 2, kRows = 600;
  Random random(3);
  std::vector<float> rows(kRows * kFeatures), targets;
  for (size_t i = 0; i < rows.size(); ++i) {
    // Features of very different sizes, one of them constant.
    const size_t feature = i % kFeatures;
    rows[i] = feature == 5 ? 4.0F : static_cast<float>(random.normal() * (feature == 0 ? 100 : 0.1));
  }
  for (int row = 0; row < kRows; ++row) {
    const float* x = rows.data() + row * kFeatures;
    targets.push_back(0.01F * x[0] - 3 * x[1] + 2 * x[7] - 1);
    targets.push_back(5 * x[2] + 0.5F);
  }
  GateFit fit(kFeatures, kTargets);
  const auto half = static_cast<size_t>(kRows / 2);
  fit.add(std::span(rows).first(half * kFeatures), std::span(targets).first(half * kTargets));
  fit.add(std::span(rows).subspan(half * kFeatures), std::span(targets).subspan(half * kTargets));
  EXPECT_EQ(fit.count(), kRows);
  const LinearMap map = fit.solve(1e-8);
  EXPECT_NEAR(map.weights[0], 0.01, 1e-4);
  EXPECT_NEAR(map.weights[1], -3, 1e-3);
  EXPECT_NEAR(map.weights[7], 2, 1e-3);
  EXPECT_NEAR(map.weights[kFeatures + 2], 5, 1e-3);
  const std::vector<float> again = map.apply(rows);
  for (size_t i = 0; i < targets.size(); ++i) ASSERT_NEAR(again[i], targets[i], 1e-2) << i;
  EXPECT_LT(std::abs(fit.solve(1).weights[1]), 2);
}

TEST(GateFit, NeedsTwoRows) { EXPECT_THROW(GateFit(3, 1).solve(0.1), InputError); }

TEST(Spearman, IsOfRanks) {
  const std::vector<float> a{1, 2, 3, 4}, b{10, 100, 1000, 1e6F}, falling{4, 3, 2, 1}, flat{1, 1, 1, 1};
  EXPECT_DOUBLE_EQ(spearman(a, b), 1);
  EXPECT_DOUBLE_EQ(spearman(a, falling), -1);
  EXPECT_DOUBLE_EQ(spearman(a, flat), 0);
  EXPECT_NEAR(spearman(a, std::vector<float>{1, 1, 2, 2}), 2 / std::sqrt(5.0), 1e-12);
}

TEST(MadeUpRecords, AreTheSameForASeedAndOfSeveralForms) {
  EXPECT_EQ(made_up_records(4, 500), made_up_records(4, 500));
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const std::string text = made_up_records(seed, 500);
    EXPECT_GE(text.size(), 500U);
    EXPECT_NE(text.substr(0, 20), made_up_records(seed + 1, 500).substr(0, 20)) << seed;
    EXPECT_EQ(text.find("REGISTER_CONTENT"), std::string::npos);
  }
}

TEST_F(Calibrating, GateIsAppliedToWhatItWasFittedTo) {
  const Calibration gate = measure("gate", 128, 4, {"records=0.5"});
  const Calibration again = measure("gate", 128, 4, {"records=0.5"});
  const ModelConfig& config = engine_->config();
  const std::vector<float>& weights = gate.array("weights", {3, 2, config.hidden});
  const std::vector<float>& biases = gate.array("biases", {3, 2});
  EXPECT_EQ(weights, again.array("weights", {3, 2, config.hidden}));
  EXPECT_EQ(gate.model, "tiny.gguf");
  EXPECT_EQ(gate.data, "book.txt; 50 % of the windows are made-up records");
  EXPECT_EQ(gate.settings.at("tokens"), std::to_string(8 * 128));
  EXPECT_EQ(gate.settings.count("held_out_r2"), 1U);

  const Recipe recipe = recipe_with("gate", gate, "100%");
  const auto sequence = engine_->open(recipe);
  sequence->observed.inputs = std::make_shared<LayerInputs>();
  engine_->read(*sequence, tokens(200), /*last=*/true);
  for (int layer = 0; layer < 3; ++layer) {
    const std::vector<float>& inputs = sequence->observed.inputs->rows[layer];
    ASSERT_EQ(inputs.size(), 200U * config.hidden);
    const auto first = weights.begin() + static_cast<int64_t>(layer) * 2 * config.hidden;
    const LinearMap map{{first, first + 2 * config.hidden},
                        {biases.begin() + 2 * layer, biases.begin() + 2 * layer + 2}};
    const std::vector<float> expected = map.apply(inputs);
    for (int head = 0; head < 2; ++head) {
      const std::vector<float>& scores = sequence->observed.notes[2 * layer + head].gate;
      ASSERT_EQ(scores.size(), 200U);
      for (size_t i = 0; i < scores.size(); ++i) ASSERT_NEAR(scores[i], expected[2 * i + head], 2e-3) << i;
    }
  }
}

TEST_F(Calibrating, GateRecipeMeetsItsBudget) {
  const Calibration gate = measure("gate", 128, 4, {"normalised=true"});
  EXPECT_EQ(kept_after(recipe_with("gate", gate, "50%"), 400), 3 * 2 * 200);
}

TEST_F(Calibrating, GateNeedsAWindowToChooseTheRidgeOn) {
  EXPECT_THROW(measure("gate", 128, 1, {"records=0"}), InputError);
  EXPECT_THROW(measure("gate", 3, 4), UsageError);
}

TEST_F(Calibrating, RankIsTheMeanOverTexts) {
  const Calibration rank = measure("rank", 96, 3);
  const std::vector<float>& ranks = rank.array("rank", {3});
  for (const float value : ranks) {
    EXPECT_GT(value, 0);
    EXPECT_LE(value, 1);
  }
  const Calibration one = measure("rank", 96, 1);
  const auto sequence = engine_->open(Recipe());
  const std::vector<int32_t> all = engine_->vocabulary().tokenize(text_.text, false, false);
  const size_t first = (all.size() - 96) / 2;
  engine_->read(*sequence, std::span(all).subspan(first, 96), true);
  double sum = 0;
  for (int head = 0; head < 2; ++head) {
    std::vector<float> keys(96 * 64);
    sequence->cache.head(1, head).load_all(keys.data(), nullptr);
    sum += key_rank(keys, 96, 64);
  }
  EXPECT_NEAR(one.array("rank", {3})[1], sum / 2, 1e-5);
  const Recipe recipe = recipe_with("rankkv_snapkv", rank, "50%", {"budget.layers.statistic=profile"});
  EXPECT_EQ(kept_after(recipe, 400), 3 * 2 * 200);
}

TEST_F(Calibrating, QueryStatisticsOfATextAreThoseThatItsPromptHas) {
  const Calibration statistics = measure("query_statistics", 256, 1);
  const std::vector<int32_t> all = engine_->vocabulary().tokenize(text_.text, false, false);
  const std::span<const int32_t> window = std::span(all).subspan((all.size() - 256) / 2, 256);
  std::vector<std::vector<std::vector<std::vector<int32_t>>>> kept;
  for (const char* source : {"prompt", "profile"}) {
    const auto sequence = engine_->open(
        recipe_with("expected_attention", statistics, "25%", {fmt::format("score.statistics={}", source)}));
    engine_->read(*sequence, window, true);
    kept.push_back(engine_->kept_positions(*sequence));
  }
  EXPECT_EQ(kept[0], kept[1]);
}

TEST_F(Calibrating, QueryStatisticsCanDoWithoutCovariance) {
  const Calibration mean = measure("query_statistics", 128, 2, {"covariance=false"});
  EXPECT_EQ(mean.arrays.count("covariance"), 0U);
  const std::vector<std::string> profile{"score.statistics=profile"};
  std::vector<std::string> alone = profile;
  alone.push_back("score.covariance=false");
  EXPECT_EQ(kept_after(recipe_with("expected_attention", mean, "50%", alone), 200), 3 * 2 * 100);
  EXPECT_THROW(kept_after(recipe_with("expected_attention", mean, "50%", profile), 200), InputError);
}

TEST_F(Calibrating, HeadImportanceIsForTheRecipesThatAskForIt) {
  const Calibration heads = measure("head_importance", 1024, 2, {"accept=0", "needles=2", "depths=2"});
  for (const char* table : {"importance", "retrieval", "reason"}) {
    for (const float value : heads.array(table, {3, 4})) EXPECT_GE(value, 0) << table;
  }
  for (const char* recipe : {"headkv_r", "headkv_r2"}) {
    EXPECT_EQ(kept_after(recipe_with(recipe, heads, "50%"), 400), 3 * 2 * 200) << recipe;
  }
}

TEST_F(Calibrating, HeadImportanceCountsOnlyAnswersThatTheModelWouldGive) {
  try {
    measure("head_importance", 1024, 1, {"accept=1", "needles=1", "depths=1"});
    FAIL() << "a random model copied a needle";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("2 retrieval needles"), std::string::npos) << error.what();
  }
}

TEST_F(Calibrating, ANeedleStandsWhereThePromptSays) {
  const Needle needle{"\nThe key is", " 482913", ". Keep it.\n", "\nThe key is", ""};
  const std::vector<int32_t> haystack = tokens(800);
  const Vocabulary& vocabulary = engine_->vocabulary();
  for (const double depth : {0.0, 0.4, 1.0}) {
    const NeedlePrompt prompt = hide_needle(vocabulary, haystack, needle, 300, depth);
    EXPECT_EQ(prompt.tokens.size() + prompt.answer.size(), 300U);
    const auto span = std::span(prompt.tokens).subspan(prompt.span_first, prompt.answer.size());
    EXPECT_TRUE(std::equal(span.begin(), span.end(), prompt.answer.begin()));
    EXPECT_NEAR(prompt.span_first, depth * 260, 40);
    int rows = 0;
    run_needle(
        *engine_, prompt, [](const NeedleRun&) { return true; },
        [&](const HeadWeights& head) {
          if (head.layer != 1 || head.query_head != 3) return;
          for (size_t i = 0; i < head.weights.size(); ++i, ++rows) {
            EXPECT_EQ(head.weights[i].size(),
                      prompt.tokens.size() + i);  // the query that foretells answer token i
            double sum = 0;
            for (const float weight : head.weights[i]) sum += weight;
            EXPECT_NEAR(sum, 1, 1e-4);
          }
        });
    EXPECT_EQ(rows, static_cast<int>(prompt.answer.size()));
  }
  EXPECT_THROW(hide_needle(vocabulary, haystack, needle, 40, 0.5), UsageError);
}

TEST_F(Calibrating, DuoScoresAreSharesOfAttention) {
  const Calibration duo = measure("duo", 512, 2, {"passkeys=1", "depths=2", "recent=16"});
  float most = 0;
  for (const float value : duo.array("retrieval", {3, 2})) {
    EXPECT_GE(value, 0);
    EXPECT_LE(value, 1);
    most = std::max(most, value);
  }
  EXPECT_GT(most, 0);
  EXPECT_EQ(kept_after(recipe_with("duo_attention", duo, "", {"budget.sinks=4", "budget.recent=60"}), 400),
            3 * (400 + 64));
  EXPECT_THROW(measure("duo", 512, 2, {"recent=4000"}), InputError);
}

TEST_F(Calibrating, WrongRequestsSayWhatIsWrong) {
  try {
    make_calibrator("gates");
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("the nearest is 'gate'"), std::string::npos) << error.what();
  }
  EXPECT_THROW(measure("rank", 1025, 1), UsageError);                     // beyond the context
  EXPECT_THROW(measure("rank", 64, 1, {"normalised=true"}), UsageError);  // of another kind
  EXPECT_THROW(measure("gate", 64, 2, {"records=2"}), UsageError);
  EXPECT_THROW(measure("gate", 64, 2, {"records"}), UsageError);
  text_.text = "A short text.";
  try {
    measure("rank", 64, 1);
    FAIL();
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("a text of 64 tokens or more"), std::string::npos)
        << error.what();
  }
}

TEST_F(Calibrating, AProfileOfAnotherModelIsRefused) {
  Calibration rank = measure("rank", 64, 1);
  rank.model_hash = "0123456789abcdef";
  rank.model = "other.gguf";
  try {
    engine_->open(recipe_with("rankkv_snapkv", rank, "50%", {"budget.layers.statistic=profile"}));
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("other.gguf"), std::string::npos) << error.what();
  }
}

// The moments of a window are those of the keys that the model cached.
TEST_F(Calibrating, SecondMomentsAreThoseOfTheCache) {
  const Calibration moments = measure("second_moments", 128, 1, {"sinks=0", "queries=32"});
  const auto sequence = engine_->open(Recipe());
  std::vector<int32_t> all = engine_->vocabulary().tokenize(text_.text, false, false);
  const auto first = (static_cast<int64_t>(all.size()) - 128) / 2;
  engine_->read(*sequence, std::span(all).subspan(static_cast<size_t>(first), 128), /*last=*/true);
  const int64_t width = engine_->config().head_dim;
  std::vector<float> keys(static_cast<size_t>(128 * width));
  sequence->cache.head(1, 1).load_all(keys.data(), nullptr);
  const auto& means = moments.array("key_mean", {3, 2, width});
  const auto& covariances = moments.array("key", {3, 2, width, width});
  for (const int64_t c : {int64_t{0}, width - 1}) {
    double mean = 0, square = 0;
    for (int64_t i = 0; i < 128; ++i) {
      mean += keys[static_cast<size_t>(i * width + c)] / 128.0;
      square += keys[static_cast<size_t>(i * width + c)] * keys[static_cast<size_t>(i * width + c)] / 128.0;
    }
    EXPECT_NEAR(means[static_cast<size_t>(3 * width + c)], mean, 1e-4);
    EXPECT_NEAR(covariances[static_cast<size_t>((3 * width + c) * width + c)], square - mean * mean, 1e-4);
  }
  const auto& metric = moments.array("metric", {3, 2, width, width});
  EXPECT_EQ(metric[static_cast<size_t>(3 * width * width + 1)], engine_->output_metric(1, 1)[1]);
}

TEST_F(Calibrating, FormsOfACalibrationPack) {
  const Calibration moments = measure("second_moments", 128, 4);
  for (const char* name : {"lora", "lora_plus", "lora_distillation"}) {
    const auto sequence = engine_->open(recipe_with(name, moments, ""));
    engine_->read(*sequence, tokens(400), /*last=*/true);
    EXPECT_GT(sequence->cache.head(2, 1).packed_pages(), 0U) << name;
    EXPECT_LT(engine_->cache_receipt(*sequence).bytes, engine_->cache_receipt(*sequence).bytes_full) << name;
  }
  Calibration other = moments;
  other.model_hash = "0123456789abcdef";
  EXPECT_THROW(engine_->open(recipe_with("lora", other, "")), UsageError);
}

TEST(ShippedCalibrations, AreSmallAndOfKnownKinds) {
  for (const EmbeddedCalibration& embedded : embedded_calibrations()) {
    EXPECT_LT(embedded.text.size(), 100'000U) << embedded.file;
    const Calibration calibration = parse_calibration(embedded.text, std::string(embedded.file));
    EXPECT_NO_THROW(make_calibrator(calibration.kind)) << embedded.file;
    const CalibrationPtr found = shipped_calibration(calibration.kind, calibration.model_hash);
    ASSERT_NE(found, nullptr);
    EXPECT_EQ(found->arrays.size(), calibration.arrays.size());
    EXPECT_EQ(calibration.data.find('/'), std::string::npos);
  }
  EXPECT_EQ(shipped_calibration("rank", "of no model"), nullptr);
}

TEST(ShippedCalibrationsRealModel, AreTakenForTheDefaultModel) {
  const std::string path = test::models_folder() / test::kSmolLm2;
  KVC_SKIP_WITHOUT(path);
  Engine engine(path, {.threads = 1});
  for (const char* name : {"duo_attention", "headkv_r", "headkv_r2"}) {
    const Recipe bound = engine.bound(resolve_recipe({name, {}, "50%"}));
    ASSERT_EQ(bound.calibrations.size(), 1U) << name;
    EXPECT_NO_THROW(engine.open(bound)) << name;
  }
  EXPECT_TRUE(engine.bound(resolve_recipe({"snapkv", {}, "50%"})).calibrations.empty());
}

}  // namespace
}  // namespace kvcompress
