#include <algorithm>  // std::max
#include <cmath>      // std::pow

#include "policy/budget/region.h"  // widened_region
#include "policy/budget/shares.h"  // LayerShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

// `base` is the first layer's size and not the mean: with the defaults the mean of 32 layers is 159.
class DecayLayers final : public LayerShares {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("base", base_, 1, 0x7fffffff, "slots of a head of layer 0");
    visitor.real("decay", decay_, 0.001, 1,
                 "profile exponential: each layer's size over that of the one before");
    visitor.integer("min", min_, 1, 0x7fffffff, "no layer gets less");
    visitor.choice("profile", profile_, {"exponential", "linear", "constant"},
                   "how sizes fall with depth; linear reaches min at the last layer");
  }

  std::vector<double> weights(const LayerShareInput& input) const override {
    std::vector<double> sizes;
    for (int layer = 0; layer < input.layers; ++layer) {
      sizes.push_back(static_cast<double>(size_of(layer, input.layers)));
    }
    return sizes;
  }

  bool has_limits() const override { return true; }

  std::optional<HeadLimit> limit(int layer, int layers, int64_t held) const override {
    const int64_t size = size_of(layer, layers);
    if (held <= size) return std::nullopt;
    return region({size, 0, 0});
  }

  HeadLimit region(HeadLimit limit) const override {
    return widened_region(limit, std::min<int64_t>(4, limit.slots / 8), limit.slots / 2);
  }

 private:
  int64_t size_of(int layer, int layers) const {
    const auto base = static_cast<double>(base_);
    double size = base;
    if (profile_ == "exponential") size = base * std::pow(decay_, layer);
    if (profile_ == "linear")
      size = base - layer * (base - static_cast<double>(min_)) / std::max(layers - 1, 1);
    return std::max(min_, static_cast<int64_t>(size));
  }

  int64_t base_ = 512;
  double decay_ = 0.9;
  int64_t min_ = 64;
  std::string profile_ = "exponential";
};

}  // namespace

KVC_ANSWER(layers, decay, DecayLayers,
           "falls with depth by a profile from a first size, half of each layer's slots recent; without an "
           "amount these sizes are the budget",
           "github.com/od-liu/CS3602-LLM-Inference-Acceleration, pyramid_kv")

}  // namespace kvcompress
