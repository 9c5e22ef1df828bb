#include <algorithm>  // std::transform

#include "policy/registry.h"            // KVC_ANSWER
#include "policy/score_policy.h"        // ScorePolicy
#include "policy/scoring/check.h"       // expect_count
#include "policy/scoring/statistics.h"  // score_alone, sum_over_heads

namespace kvcompress {
namespace {

// The weights that the newest query gives, averaged over all query heads of the layer, so that all its KV
// heads keep the same tokens. The newest token is judged by nobody and is the best.
class LastQuery final : public ScorePolicy {
 public:
  ScoreNeeds needs() const override { return {.attention_window = 1}; }

  void score(const ScoreInput& input, std::span<float> out) const override { score_alone(*this, input, out); }

  bool heads_together() const override { return true; }

  void score_layer(std::span<const ScoreInput> heads, std::span<std::vector<float>> out) const override {
    double query_heads = 0;
    for (size_t h = 0; h < heads.size(); ++h) {
      out[h] = sum_over_group(heads[h]);
      query_heads += heads[h].group;
    }
    sum_over_heads(heads, out);
    const auto share = static_cast<float>(1 / query_heads);
    for (std::vector<float>& scores : out) {
      for (float& score : scores) score *= share;
      if (!scores.empty()) scores.back() = kAboveAllWeights;
    }
  }

 private:
  static constexpr float kAboveAllWeights = 2;  // a mean of softmax weights is 1 at most

  static std::vector<float> sum_over_group(const ScoreInput& input) {
    const auto slots = static_cast<size_t>(input.slots);
    expect_count("last_query", "queries in the window", 1, static_cast<size_t>(input.window_queries));
    expect_count("last_query", "weights", slots * input.group, input.window_weights.size());
    std::vector<float> sums(slots);
    for (int g = 0; g < input.group; ++g) {
      const auto weights = input.window_weights.subspan(g * slots, slots);
      std::transform(sums.begin(), sums.end(), weights.begin(), sums.begin(), std::plus<>());
    }
    return sums;
  }
};

}  // namespace

KVC_ANSWER(score, last_query, LastQuery,
           "tokens that the newest query looks at, averaged over a layer's heads, are worth most",
           "arXiv:2401.06104 (TOVA) section 4; TOVAPress in kvpress")

}  // namespace kvcompress
