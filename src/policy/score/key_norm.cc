#include <algorithm>  // std::transform

#include "policy/registry.h"      // KVC_ANSWER
#include "policy/score_policy.h"  // ScorePolicy

namespace kvcompress {
namespace {

// RoPE is a rotation, so the norm of a cached key is the one it had before.
class KeyNorm final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.choice(
        "keep", keep_, {"low", "high"},
        "low: keys of small norm attract attention and are kept; high: the reverse, for ablations");
  }

  ScoreNeeds needs() const override { return {.key_norms = true}; }

  bool per_slot() const override { return true; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    const float sign = keep_ == "low" ? -1.0f : 1.0f;
    std::transform(input.key_norms.begin(), input.key_norms.end(), out.begin(),
                   [sign](float norm) { return sign * norm; });
  }

 private:
  std::string keep_ = "low";
};

}  // namespace

KVC_ANSWER(score, key_norm, KeyNorm, "keys of small Euclidean norm are worth most",
           "arXiv:2406.11430 (L2Norm; KNorm in kvpress)")

}  // namespace kvcompress
