// The models of peers/models.sh against the golden logits of llama.cpp and the float32 evaluation of their
// weights.
#include <gtest/gtest.h>

#include <algorithm>  // std::max_element
#include <cmath>      // std::log
#include <fstream>    // std::ifstream
#include <nlohmann/json.hpp>
#include <numeric>  // std::accumulate

#include "dense/linear.h"
#include "model/architecture.h"
#include "model/model_file.h"
#include "model/plain_model.h"
#include "support/fixtures.h"

namespace kvcompress::test {
namespace {

struct Case {
  const char* name;
  const char* model;
  // Sum of the log-probabilities of the golden text in float32 (transformers on the dequantised weights;
  // peers/README.md, "golden/").
  double float32_sum;
};

double log_probability(std::span<const float> logits, int32_t token) {
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (const float logit : logits) sum += std::exp(logit - most);
  return logits[static_cast<size_t>(token)] - most - std::log(sum);
}

class RealModel : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    model_ = models_folder() / GetParam().model;
    const auto golden = shared_folder() / "peers/golden/logits" /
                        std::filesystem::path(GetParam().model).replace_extension("json");
    KVC_SKIP_WITHOUT(model_);
    KVC_SKIP_WITHOUT(golden);
    golden_ = nlohmann::json::parse(std::ifstream(golden));
    tokens_ = golden_.at("tokens").get<std::vector<int32_t>>();
  }

  // Of the second token and all after it; the text is one chunk.
  std::vector<double> log_probabilities(Precision precision) {
    ThreadPool pool(2);
    Linear linear(pool, precision);
    const ModelFile file(model_.string());
    const auto architecture = make_architecture(file, linear, pool);
    PlainModel model(*architecture);
    const auto logits = model.step(tokens_, true);
    const auto vocabulary = static_cast<size_t>(architecture->config().vocabulary);
    std::vector<double> probabilities;
    for (size_t i = 0; i + 1 < tokens_.size(); ++i) {
      const std::span<const float> row(logits.data() + i * vocabulary, vocabulary);
      probabilities.push_back(log_probability(row, tokens_[i + 1]));
    }
    const auto last = logits.end() - static_cast<std::ptrdiff_t>(vocabulary);
    best_ = static_cast<int32_t>(std::max_element(last, logits.end()) - last);
    return probabilities;
  }

  std::filesystem::path model_;
  nlohmann::json golden_;
  std::vector<int32_t> tokens_;
  int32_t best_ = -1;  // after the last token
};

double mean_difference(const std::vector<double>& ours, const std::vector<double>& theirs, bool absolute) {
  EXPECT_EQ(ours.size(), theirs.size());
  double sum = 0.0;
  for (size_t i = 0; i < ours.size(); ++i)
    sum += absolute ? std::abs(ours[i] - theirs[i]) : ours[i] - theirs[i];
  return sum / static_cast<double>(ours.size());
}

// llama.cpp rounds activations to 8 bits, which moves single tokens by up to 0.45 nats away from float32, so
// what can be asked for against it is the mean.
TEST_P(RealModel, LogitsAreFloat32sAndNearLlamaCpps) {
  const auto golden = golden_.at("logprobs").get<std::vector<double>>();
  const auto best = golden_.at("top")[0][0].get<int32_t>();
  const auto exact = log_probabilities(Precision::exact);
  EXPECT_EQ(best_, best);
  EXPECT_NEAR(std::accumulate(exact.begin(), exact.end(), 0.0), GetParam().float32_sum, 0.01);
  const auto fast = log_probabilities(Precision::fast);
  EXPECT_EQ(best_, best);
  EXPECT_LT(std::abs(mean_difference(fast, golden, false)), 0.03);
  EXPECT_LT(mean_difference(fast, exact, true), 0.03);
}

INSTANTIATE_TEST_SUITE_P(All, RealModel,
                         testing::Values(Case{"smollm2", kSmolLm2, -262.835},
                                         Case{"gemma3", kGemma3, -228.608}, Case{"qwen2", kQwen25, -270.453}),
                         [](const auto& info) { return std::string(info.param.name); });

}  // namespace
}  // namespace kvcompress::test
