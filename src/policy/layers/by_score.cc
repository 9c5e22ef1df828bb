#include "policy/budget/shares.h"  // LayerShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

// The plan that is printed before a run cannot know the scores: it is even.
class LayersByScore final : public LayerShares {
 public:
  std::vector<double> weights(const LayerShareInput& input) const override {
    return std::vector<double>(input.layers, 1.0);
  }
  bool by_score() const override { return true; }
};

}  // namespace

KVC_ANSWER(layers, by_score, LayersByScore, "as many as it has of the best slots of all layers and heads",
           "arXiv:2505.23416 (KVzip) section 3.2")

}  // namespace kvcompress
