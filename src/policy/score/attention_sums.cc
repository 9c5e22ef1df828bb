#include <cmath>  // std::pow

#include "policy/registry.h"            // KVC_ANSWER
#include "policy/score_policy.h"        // ScorePolicy
#include "policy/scoring/check.h"       // expect_count
#include "policy/scoring/statistics.h"  // score_alone, sum_over_heads

namespace kvcompress {
namespace {

// Heavy hitters: the weights that all queries so far gave a token, averaged over query heads.
class AttentionSums final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.real("decay", decay_, 0, 1,
                 "what the sums are multiplied with for each token; 1: nothing is forgotten");
    visitor.choice(
        "normalise", normalise_, {"none", "count"},
        "count: divide by the number of queries that could see the token, so that age is no merit");
    visitor.choice("scope", scope_, {"head", "layer"},
                   "head: each KV head by its own queries; layer: by all, so that all heads keep the same");
  }

  ScoreNeeds needs() const override { return {.attention_sums = true, .attention_decay = decay_}; }

  void score(const ScoreInput& input, std::span<float> out) const override { score_alone(*this, input, out); }

  bool heads_together() const override { return scope_ == "layer"; }

  void score_layer(std::span<const ScoreInput> heads, std::span<std::vector<float>> out) const override {
    double query_heads = 0;
    for (size_t h = 0; h < heads.size(); ++h) {
      const auto slots = static_cast<size_t>(heads[h].slots);
      expect_count("attention_sums", "sums", slots, heads[h].attention_sums.size());
      expect_count("attention_sums", "positions", slots, heads[h].positions.size());
      out[h].assign(heads[h].attention_sums.begin(), heads[h].attention_sums.end());
      query_heads += heads[h].group;
    }
    const bool together = scope_ == "layer" && !heads.empty();
    if (together) sum_over_heads(heads, out);
    for (size_t h = 0; h < heads.size(); ++h) {
      const double share = 1 / (together ? query_heads : static_cast<double>(heads[h].group));
      for (size_t slot = 0; slot < out[h].size(); ++slot) {
        const int64_t queries = heads[h].tokens_seen - heads[h].positions[slot];
        out[h][slot] = static_cast<float>(out[h][slot] * share / seen_by(queries));
      }
    }
  }

 private:
  // How many queries could see a token, each counted as much as its weights still count.
  double seen_by(int64_t queries) const {
    if (normalise_ == "none") return 1;
    const auto count = static_cast<double>(std::max<int64_t>(1, queries));
    return decay_ == 1 ? count : (1 - std::pow(decay_, count)) / (1 - decay_);
  }

  double decay_ = 1;
  std::string normalise_ = "none";
  std::string scope_ = "head";
};

}  // namespace

KVC_ANSWER(
    score, attention_sums, AttentionSums, "tokens that all queries so far looked at are worth most",
    "arXiv:2306.14048 (H2O) section 4; with count: ObservedAttentionPress in kvpress; with scope layer "
    "and decay: h2o_attention of the CS3602 library")

}  // namespace kvcompress
