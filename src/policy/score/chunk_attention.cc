#include "policy/scoring/chunk_attention.h"

#include "policy/registry.h"            // KVC_ANSWER
#include "policy/score_policy.h"        // ScorePolicy
#include "policy/scoring/statistics.h"  // score_alone, z_normalise_heads

namespace kvcompress {
namespace {

class ChunkAttention final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    settings_.visit(visitor);
    visitor.choice("normalise", normalise_, {"head", "layer"},
                   "mean 0 and deviation 1 over each head, or over all heads of the layer together");
  }

  std::string problem() const override { return settings_.problem(); }

  ScoreNeeds needs() const override { return settings_.needs(); }

  void score(const ScoreInput& input, std::span<float> out) const override { score_alone(*this, input, out); }

  bool prefill_only() const override { return true; }

  bool heads_together() const override { return normalise_ == "layer"; }

  void score_layer(std::span<const ScoreInput> heads, std::span<std::vector<float>> out) const override {
    for (size_t h = 0; h < heads.size(); ++h) {
      out[h] = chunk_attention_scores(settings_, heads[h], 0, heads[h].slots);
    }
    z_normalise_heads(out, normalise_ == "layer");
  }

 private:
  ChunkAttentionSettings settings_;
  std::string normalise_ = "head";
};

}  // namespace

KVC_ANSWER(score, chunk_attention, ChunkAttention,
           "tokens that their neighbours, earlier and later, look at are worth most",
           "arXiv:2507.08143 (Compactor) section 3, non-causal attention; NonCausalAttnPress in kvpress")

}  // namespace kvcompress
