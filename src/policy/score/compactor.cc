#include <algorithm>  // std::min, std::max_element, std::copy

#include "policy/registry.h"                 // KVC_ANSWER
#include "policy/score_policy.h"             // ScorePolicy
#include "policy/scoring/chunk_attention.h"  // chunk_attention_scores
#include "policy/scoring/leverage.h"         // leverage_scores
#include "policy/scoring/statistics.h"       // score_alone, z_normalise_heads

namespace kvcompress {
namespace {

// lambda z(leverage) + z(chunk attention). The first and last tokens stay out of all statistics and are not
// ranked (budget.sinks and budget.recent keep them): they have the best score there is.
class Compactor final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.real("lambda", lambda_, 0, 100,
                 "weight of the leverage; by default the share that is removed, which is nothing at a full "
                 "budget");
    visitor.integer("sinks", sinks_, 0, 4096, "first tokens left out (budget.sinks keeps them)");
    visitor.integer("recent", recent_, 0, 4096, "last tokens left out (budget.recent keeps them)");
    leverage_.visit(visitor);
    attention_.visit(visitor);
    visitor.choice(
        "normalise", normalise_, {"head", "layer"},
        "mean 0 and deviation 1 of both parts over each head, or over all heads of the layer together");
  }

  std::string problem() const override { return attention_.problem(); }

  ScoreNeeds needs() const override {
    ScoreNeeds needs = attention_.needs();
    needs.keys = true;
    return needs;
  }

  void score(const ScoreInput& input, std::span<float> out) const override { score_alone(*this, input, out); }

  bool prefill_only() const override { return true; }

  bool heads_together() const override { return normalise_ == "layer"; }

  void score_layer(std::span<const ScoreInput> heads, std::span<std::vector<float>> out) const override {
    std::vector<std::vector<float>> far, seen;
    for (const ScoreInput& head : heads) {
      const int first = std::min<int>(head.slots, leading_slots(head, sinks_));
      const int last = std::max(first, head.slots - static_cast<int>(recent_));
      far.push_back(leverage_scores(leverage_, head, first, last));
      seen.push_back(chunk_attention_scores(attention_, head, first, last));
    }
    z_normalise_heads(far, normalise_ == "layer");
    z_normalise_heads(seen, normalise_ == "layer");
    for (size_t h = 0; h < heads.size(); ++h) {
      const auto lambda = static_cast<float>(lambda_ < 0 ? 1 - heads[h].keep_share : lambda_);
      for (size_t i = 0; i < far[h].size(); ++i) seen[h][i] += lambda * far[h][i];
      const float best = seen[h].empty() ? 0.0f : *std::max_element(seen[h].begin(), seen[h].end());
      out[h].assign(static_cast<size_t>(heads[h].slots), best);
      std::copy(seen[h].begin(), seen[h].end(),
                out[h].begin() + std::min<int>(heads[h].slots, leading_slots(heads[h], sinks_)));
    }
  }

 private:
  double lambda_ = -1;
  int64_t sinks_ = 8, recent_ = 4;
  LeverageSettings leverage_;
  ChunkAttentionSettings attention_;
  std::string normalise_ = "head";
};

}  // namespace

KVC_ANSWER(score, compactor, Compactor,
           "keys that lie far out, and tokens that their neighbours look at, are worth most",
           "arXiv:2507.08143 (Compactor) section 3; CompactorPress in kvpress")

}  // namespace kvcompress
