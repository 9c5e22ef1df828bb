#include "policy/registry.h"       // KVC_ANSWER
#include "policy/scoring/check.h"  // expect_count
#include "policy/selection.h"      // WeightPolicy

namespace kvcompress {
namespace {

class ValueNorm final : public WeightPolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.real(
        "epsilon", epsilon_, 0, 1,
        "added to the scores first, so that large values survive small scores; for scores of 0 or more");
  }

  ScoreNeeds needs() const override { return {.value_norms = true}; }

  void weigh(const ScoreInput& input, std::span<float> scores) const override {
    expect_count("value_norm", "value norms", scores.size(), input.value_norms.size());
    const auto epsilon = static_cast<float>(epsilon_);
    for (size_t slot = 0; slot < scores.size(); ++slot) {
      scores[slot] = (scores[slot] + epsilon) * input.value_norms[slot];
    }
  }

 private:
  double epsilon_ = 0;
};

}  // namespace

KVC_ANSWER(weight, value_norm, ValueNorm, "times the Euclidean norm of the value",
           "arXiv:2406.12335 (VATP) section 3; use_vnorm of ExpectedAttentionPress in kvpress")

}  // namespace kvcompress
