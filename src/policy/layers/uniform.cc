#include "policy/budget/shares.h"  // LayerShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

class UniformLayers final : public LayerShares {
 public:
  std::vector<double> weights(const LayerShareInput& input) const override {
    return std::vector<double>(input.layers, 1.0);
  }
};

}  // namespace

KVC_ANSWER(layers, uniform, UniformLayers, "every layer the same", "the plain case")

}  // namespace kvcompress
