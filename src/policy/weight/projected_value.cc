#include "policy/registry.h"       // KVC_ANSWER
#include "policy/scoring/check.h"  // expect_count
#include "policy/selection.h"      // WeightPolicy

namespace kvcompress {
namespace {

// How much a value can change the layer's output, not how large it is in the cache.
class ProjectedValue final : public WeightPolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.real(
        "epsilon", epsilon_, 0, 1,
        "added to the scores first, so that large values survive small scores; for scores of 0 or more");
    visitor.choice("norm", norm_, {"l1", "l2"}, "of the projected value; l2 costs less");
  }

  ScoreNeeds needs() const override {
    return {.projection = norm_ == "l1" ? ValueProjection::l1 : ValueProjection::l2};
  }

  void weigh(const ScoreInput& input, std::span<float> scores) const override {
    expect_count("projected_value", "norms of projected values", scores.size(), input.projected_norms.size());
    const auto epsilon = static_cast<float>(epsilon_);
    for (size_t slot = 0; slot < scores.size(); ++slot) {
      scores[slot] = (scores[slot] + epsilon) * input.projected_norms[slot];
    }
  }

 private:
  double epsilon_ = 1e-4;
  std::string norm_ = "l1";
};

}  // namespace

KVC_ANSWER(weight, projected_value, ProjectedValue,
           "times the norm of the value behind the output projection",
           "arXiv:2502.03805 (CriticalKV) section 3, its second stage alone")

}  // namespace kvcompress
