#include "policy/scoring/leverage.h"

#include "policy/registry.h"            // KVC_ANSWER
#include "policy/score_policy.h"        // ScorePolicy
#include "policy/scoring/statistics.h"  // score_alone, z_normalise_heads

namespace kvcompress {
namespace {

class Leverage final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    settings_.visit(visitor);
    visitor.choice("normalise", normalise_, {"head", "layer"},
                   "mean 0 and deviation 1 over each head, or over all heads of the layer together");
  }

  ScoreNeeds needs() const override { return {.keys = true}; }

  void score(const ScoreInput& input, std::span<float> out) const override { score_alone(*this, input, out); }

  bool heads_together() const override { return normalise_ == "layer"; }

  void score_layer(std::span<const ScoreInput> heads, std::span<std::vector<float>> out) const override {
    for (size_t h = 0; h < heads.size(); ++h)
      out[h] = leverage_scores(settings_, heads[h], 0, heads[h].slots);
    z_normalise_heads(out, normalise_ == "layer");
  }

 private:
  LeverageSettings settings_;
  std::string normalise_ = "head";
};

}  // namespace

KVC_ANSWER(score, leverage, Leverage, "keys that lie far out among the keys before RoPE are worth most",
           "arXiv:2507.08143 (Compactor) section 3, leverage scores; LeverageScorePress in kvpress")

}  // namespace kvcompress
