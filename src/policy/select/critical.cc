#include <algorithm>  // std::max, std::min

#include "policy/registry.h"       // KVC_ANSWER
#include "policy/scoring/best.h"   // expect_selection, force_best, forced_slots
#include "policy/scoring/check.h"  // expect_count
#include "policy/selection.h"      // SelectPolicy

namespace kvcompress {
namespace {

// Two stages: the best scores take a share of the budget, so that no token that attention needs is lost; what
// is left goes to those that would change the layer's output most.
class Critical final : public SelectPolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.share("share", share_, "of the budget that the scores alone decide, always kept tokens included");
    visitor.real("epsilon", epsilon_, 0, 1,
                 "added to the scores of the second stage; for scores of 0 or more");
    visitor.choice("norm", norm_, {"l1", "l2"}, "of the projected value; l2 costs less");
  }

  ScoreNeeds needs() const override {
    return {.projection = norm_ == "l1" ? ValueProjection::l1 : ValueProjection::l2};
  }

  void refine(std::span<HeadSelection> heads) const override {
    for (HeadSelection& head : heads) {
      expect_selection("critical", head);
      expect_count("critical", "norms of projected values", head.scores.size(),
                   head.input.projected_norms.size());
      const int64_t slots = head.input.slots;
      const auto share = static_cast<int64_t>(static_cast<double>(head.budget) * share_);
      const int64_t first_stage = std::min(std::max<int64_t>(1, share), head.budget);
      force_best(head, 0, slots, first_stage - forced_slots(head, 0, slots));
      const auto epsilon = static_cast<float>(epsilon_);
      for (int64_t slot = 0; slot < slots; ++slot) {
        head.scores[slot] = (head.scores[slot] + epsilon) * head.input.projected_norms[slot];
      }
    }
  }

 private:
  double share_ = 0.5;
  double epsilon_ = 1e-4;
  std::string norm_ = "l1";
};

}  // namespace

KVC_ANSWER(select, critical, Critical,
           "half of the budget by score, the rest by score times the norm of the projected value",
           "arXiv:2502.03805 (CriticalKV) section 3; CriticalKVPress and CriticalAdaKVPress in kvpress")

}  // namespace kvcompress
