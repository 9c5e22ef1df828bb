#include <fmt/format.h>

#include "policy/budget/shares.h"  // LayerShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

// The shares are weights: the recipe's amount is the mean over the limited layers, whatever they sum to, so
// that [0, 7] with [0.4, 0.2] and with [0.2, 0.1] are the same recipe.
class KnotLayers final : public LayerShares {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integers("layers", layers_, 0, 4095, "layers whose share is given, from 0, ascending");
    visitor.reals(
        "shares", shares_, 1e-6, 1,
        "their shares, relative to one another; the amount of the recipe is the mean of all layers");
    visitor.choice("interpolation", interpolation_, {"linear", "step"},
                   "between two of them: a straight line, or the earlier one's; outside, the nearest one's");
  }

  std::string problem() const override {
    if (layers_.empty()) return "layers: expected at least one layer, got none; give one";
    if (layers_.size() != shares_.size()) {
      return fmt::format("shares: expected one for each of {} layers, got {}; give as many", layers_.size(),
                         shares_.size());
    }
    for (size_t i = 1; i < layers_.size(); ++i) {
      if (layers_[i] <= layers_[i - 1]) {
        return fmt::format("layers: expected each once and ascending, got {} after {}; sort them", layers_[i],
                           layers_[i - 1]);
      }
    }
    return {};
  }

  std::vector<double> weights(const LayerShareInput& input) const override {
    std::vector<double> weights;
    for (int layer = 0; layer < input.layers; ++layer) weights.push_back(share_of(layer));
    return weights;
  }

 private:
  double share_of(int64_t layer) const {
    size_t next = 0;
    while (next < layers_.size() && layers_[next] <= layer) ++next;
    if (next == 0) return shares_.front();
    if (next == layers_.size() || interpolation_ == "step") return shares_[next - 1];
    const double along = static_cast<double>(layer - layers_[next - 1]) /
                         static_cast<double>(layers_[next] - layers_[next - 1]);
    return shares_[next - 1] + along * (shares_[next] - shares_[next - 1]);
  }

  std::vector<int64_t> layers_ = {0};
  std::vector<double> shares_ = {1};
  std::string interpolation_ = "linear";
};

}  // namespace

KVC_ANSWER(layers, knots, KnotLayers, "shares given for some layers, the others between them",
           "github.com/akchaud5/KV-cache-paper, layer budgets of the hybrid configurations")

}  // namespace kvcompress
