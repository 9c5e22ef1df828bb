#include <algorithm>  // std::min

#include "policy/budget/apportion.h"  // apportion
#include "policy/registry.h"          // KVC_ANSWER
#include "policy/scoring/best.h"      // expect_selection, force_best, forced_slots
#include "policy/selection.h"         // SelectPolicy

namespace kvcompress {
namespace {

// No stretch of the text is lost altogether: each chunk keeps its share of the budget.
class Quota final : public SelectPolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("size", size_, 1, 1048576, "slots of a chunk");
  }

  void refine(std::span<HeadSelection> heads) const override {
    for (HeadSelection& head : heads) {
      expect_selection("quota", head);
      if (head.budget >= head.input.slots) continue;
      std::vector<double> weights;
      std::vector<int64_t> floors, caps;
      for (int64_t first = 0; first < head.input.slots; first += size_) {
        const int64_t last = std::min<int64_t>(first + size_, head.input.slots);
        weights.push_back(static_cast<double>(last - first));
        floors.push_back(forced_slots(head, first, last));
        caps.push_back(last - first);
      }
      const std::vector<int64_t> quotas = apportion(head.budget, weights, floors, caps);
      for (size_t chunk = 0; chunk < quotas.size(); ++chunk) {
        const int64_t first = static_cast<int64_t>(chunk) * size_;
        force_best(head, first, first + caps[chunk], quotas[chunk] - floors[chunk]);
      }
    }
  }

 private:
  int64_t size_ = 1024;
};

}  // namespace

KVC_ANSWER(select, quota, Quota, "the best tokens of each chunk, as many as its share of the budget",
           "ChunkPress in kvpress, after FINCH (TACL 2024)")

}  // namespace kvcompress
