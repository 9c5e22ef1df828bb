// kvpress and llama.cpp as oracles on a real model: the golden files in ../shared/peers/golden.

#include <algorithm>  // std::set_intersection
#include <cmath>      // std::exp, std::log
#include <iterator>   // std::back_inserter
#include <nlohmann/json.hpp>
#include <numeric>  // std::accumulate

#include "engine/engine_fixture.h"

namespace kvcompress::test {
namespace {

nlohmann::json read_json(const std::filesystem::path& path) {
  const std::vector<char> bytes = read_file(path);
  return nlohmann::json::parse(bytes.begin(), bytes.end());
}

double log_probability(std::span<const float> logits, int32_t token) {
  const float highest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - highest);
  return logits[static_cast<size_t>(token)] - highest - std::log(sum);
}

// --- what kvpress keeps ---

// $KVC_GOLDENS, for goldens that ../shared/peers/oracle.py made of other texts and presses
// (PRESS-RATIO.json).
std::filesystem::path goldens_folder() {
  const char* given = std::getenv("KVC_GOLDENS");
  return given != nullptr ? std::filesystem::path(given) : shared_folder() / "peers/golden/smollm2";
}

struct Press {
  std::string file;    // in golden/smollm2, without .json
  std::string recipe;  // ours
  std::string keep;
};

class RealModelKvpress : public testing::TestWithParam<Press> {};

TEST_P(RealModelKvpress, KeepsTheSameTokensAtTheSameCost) {
  KVC_SKIP_WITHOUT(models_folder() / kSmolLm2);
  const std::filesystem::path golden_file = goldens_folder() / (GetParam().file + ".json");
  KVC_SKIP_WITHOUT(golden_file);
  const nlohmann::json golden = read_json(golden_file);
  const std::vector<int32_t> tokens = golden["tokens"];
  const size_t prefix = golden["n_prefix"], continued = golden["n_continue"];

  Engine engine((models_folder() / kSmolLm2).string(), {.threads = 2, .precision = Precision::exact});
  const Recipe recipe = recipe_of(GetParam().recipe, {"budget.keep=" + GetParam().keep});
  const auto compressed = engine.open(recipe);
  const auto full = engine.open(recipe_of("full"));
  engine.read(*compressed, std::span(tokens).first(prefix), true);
  engine.read(*full, std::span(tokens).first(prefix), true);

  const auto ours = engine.kept_positions(*compressed);
  const std::vector<std::vector<std::vector<int32_t>>> theirs = golden["kept"];
  size_t same = 0, all = 0;
  ASSERT_EQ(ours.size(), theirs.size());
  for (size_t layer = 0; layer < ours.size(); ++layer) {
    // Where heads compete, equal scores may fall to one head or another.
    int64_t difference = 0;
    for (size_t head = 0; head < ours[layer].size(); ++head) {
      difference +=
          static_cast<int64_t>(ours[layer][head].size()) - static_cast<int64_t>(theirs[layer][head].size());
      std::vector<int32_t> common;
      std::set_intersection(ours[layer][head].begin(), ours[layer][head].end(), theirs[layer][head].begin(),
                            theirs[layer][head].end(), std::back_inserter(common));
      same += common.size();
      all += theirs[layer][head].size();
    }
    EXPECT_EQ(difference, 0) << "slots of layer " << layer;
  }
  EXPECT_GE(static_cast<double>(same), 0.995 * static_cast<double>(all)) << same << " of " << all;

  double full_sum = 0, compressed_sum = 0;
  const auto vocabulary = static_cast<size_t>(engine.config().vocabulary);
  std::vector<float> logits(2 * vocabulary);
  for (size_t i = prefix; i < prefix + continued; ++i) {
    Sequence* const both[] = {full.get(), compressed.get()};
    const int32_t fed[] = {tokens[i], tokens[i]};
    engine.decode(both, fed, logits.data());
    full_sum += log_probability(std::span(logits).first(vocabulary), tokens[i + 1]);
    compressed_sum += log_probability(std::span(logits).last(vocabulary), tokens[i + 1]);
  }
  const double ratio = std::exp((full_sum - compressed_sum) / static_cast<double>(continued));
  const double expected =
      golden["compressed"]["perplexity"].get<double>() / golden["full"]["perplexity"].get<double>();
  EXPECT_NEAR(ratio / expected, 1.0, 0.005);
}

std::vector<Press> presses() {
  std::vector<Press> all;
  for (const char* name :
       {"streaming_llm", "knorm", "snapkv", "pyramidkv", "tova", "keydiff", "expected_attention",
        "adakv_snapkv", "adakv_expected_attention", "lagkv", "observed_attention", "criticalkv_snapkv",
        "critical_adakv_snapkv", "criticalkv_expected_attention", "chunkkv_snapkv"}) {
    all.push_back({std::string(name) + "-0.5", std::string("kvpress/") + name, "50%"});
    all.push_back({std::string(name) + "-0.75", std::string("kvpress/") + name, "25%"});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Presses, RealModelKvpress, testing::ValuesIn(presses()), [](const auto& info) {
  std::string name = info.param.file;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return name;
});

// --- llama.cpp's logits ---

class RealModelLogits : public testing::TestWithParam<const char*> {};

TEST_P(RealModelLogits, AreLlamaCppsToThreeHundredthsOfANat) {
  KVC_SKIP_WITHOUT(models_folder() / GetParam());
  const std::string stem = std::filesystem::path(GetParam()).stem().string();
  const std::filesystem::path golden_file = shared_folder() / "peers/golden/logits" / (stem + ".json");
  KVC_SKIP_WITHOUT(golden_file);
  const nlohmann::json golden = read_json(golden_file);
  const std::vector<int32_t> tokens = golden["tokens"];
  const std::vector<double> expected = golden["logprobs"];

  Engine engine((models_folder() / GetParam()).string(), {.threads = 2});
  const auto sequence = engine.open(recipe_of("full"));
  std::vector<double> ours;
  int32_t best = -1;
  engine.read(*sequence, tokens, true, [&](int index, std::span<const float> logits) {
    if (index + 1 < static_cast<int>(tokens.size())) {
      ours.push_back(log_probability(logits, tokens[static_cast<size_t>(index) + 1]));
    } else {
      best = best_token(logits);
    }
  });
  ASSERT_EQ(ours.size(), expected.size());
  const double mean_difference = (std::accumulate(ours.begin(), ours.end(), 0.0) -
                                  std::accumulate(expected.begin(), expected.end(), 0.0)) /
                                 static_cast<double>(ours.size());
  EXPECT_NEAR(mean_difference, 0, 0.03);
  EXPECT_EQ(best, golden["top"][0][0].get<int32_t>());
}

INSTANTIATE_TEST_SUITE_P(Models, RealModelLogits, testing::Values(kSmolLm2, kQwen25, kGemma3),
                         [](const auto& info) {
                           return std::string(info.param).substr(0, 4) == "smol" ? "SmolLM2"
                                  : info.param[0] == 'q'                         ? "Qwen25"
                                                                                 : "Gemma3";
                         });

}  // namespace
}  // namespace kvcompress::test
