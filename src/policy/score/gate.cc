#include <algorithm>  // std::copy

#include "policy/registry.h"       // KVC_ANSWER
#include "policy/score_policy.h"   // ScorePolicy
#include "policy/scoring/check.h"  // expect_count

namespace kvcompress {
namespace {

// A calibrated linear map from a layer's input says, when a token is read, what a replay would find it worth.
class Gate final : public ScorePolicy {
 public:
  ScoreNeeds needs() const override { return {.gate = true}; }

  bool per_slot() const override { return true; }

  std::string calibration_kind() const override { return "gate"; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    expect_count("gate", "outputs of the gate", out.size(), input.gate.size());
    std::copy(input.gate.begin(), input.gate.end(), out.begin());
  }
};

}  // namespace

KVC_ANSWER(score, gate, Gate, "tokens that a calibrated gate takes for worth replaying are worth most",
           "arXiv:2601.07891 (KVzap) section 3, its linear form")

}  // namespace kvcompress
