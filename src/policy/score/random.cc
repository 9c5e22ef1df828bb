#include "policy/registry.h"       // KVC_ANSWER
#include "policy/score_policy.h"   // ScorePolicy
#include "policy/scoring/check.h"  // expect_count
#include "policy/scoring/hash.h"   // head_seed, unit_draw

namespace kvcompress {
namespace {

// Counted draws, not a running generator: a token's score is the same whenever and wherever it is asked for.
class Random final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("seed", seed_, 0, 1000000000, "another seed keeps other tokens");
  }

  bool per_slot() const override { return true; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    expect_count("random", "positions", out.size(), input.positions.size());
    const uint64_t start = head_seed(seed_, input.layer, input.kv_head);
    for (size_t slot = 0; slot < out.size(); ++slot) {
      out[slot] = unit_draw(start, static_cast<uint64_t>(input.positions[slot]));
    }
  }

 private:
  int64_t seed_ = 0;
};

}  // namespace

KVC_ANSWER(score, random, Random, "tokens at random, the same for the same seed: the row to beat",
           "a control; RandomPress in kvpress, strategy random of fix_size_l2 in the CS3602 library")

}  // namespace kvcompress
