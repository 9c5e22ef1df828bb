#include <algorithm>  // std::copy

#include "policy/registry.h"       // KVC_ANSWER
#include "policy/score_policy.h"   // ScorePolicy
#include "policy/scoring/check.h"  // expect_count

namespace kvcompress {
namespace {

// The model is asked to repeat its context, chunk by chunk; a token is worth the most that any query of that
// replay, of any query head of the group, looks at it.
class Replay final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("chunk", chunk_, 1, 1048576, "tokens that are repeated at a time");
    visitor.boolean(
        "normalised", normalised_,
        "KVzip+: weights times the norm of the projected value over that of the query's hidden state");
  }

  ScoreNeeds needs() const override {
    return {.replay_chunk = static_cast<int>(chunk_), .replay_normalised = normalised_};
  }

  bool prefill_only() const override { return true; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    expect_count("replay", "replayed weights", out.size(), input.replay.size());
    std::copy(input.replay.begin(), input.replay.end(), out.begin());
  }

 private:
  int64_t chunk_ = 2048;
  bool normalised_ = false;
};

}  // namespace

KVC_ANSWER(score, replay, Replay, "tokens that the model looks at when it repeats the context are worth most",
           "arXiv:2505.23416 (KVzip) section 3; normalised: arXiv:2601.07891 (KVzip+ in KVzap); KVzipPress "
           "in kvpress")

}  // namespace kvcompress
