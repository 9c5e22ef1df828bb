#include <algorithm>  // std::transform

#include "policy/registry.h"      // KVC_ANSWER
#include "policy/score_policy.h"  // ScorePolicy

namespace kvcompress {
namespace {

// Positions are exact as floats up to 2^24 tokens.
class Recency final : public ScorePolicy {
 public:
  bool per_slot() const override { return true; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    std::transform(input.positions.begin(), input.positions.end(), out.begin(),
                   [](int32_t position) { return static_cast<float>(position); });
  }
};

}  // namespace

KVC_ANSWER(score, recency, Recency, "the newest tokens are worth most",
           "arXiv:2309.17453 (StreamingLLM) section 3.2, together with budget.sinks")

}  // namespace kvcompress
