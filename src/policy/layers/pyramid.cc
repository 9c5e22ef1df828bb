#include "policy/budget/pyramid.h"  // pyramid_slots

#include "policy/budget/shares.h"  // LayerShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

// The index of a layer is that of the model, so layers that are skipped take their steps too.
class PyramidLayers final : public LayerShares {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.real("beta", beta_, 1, 1e6, "how steep: the last layer's ranked slots are the mean's over this");
    visitor.choice("form", form_, {"paper", "kvpress"},
                   "paper: the window comes on top of the schedule, and short prompts are shared evenly; "
                   "kvpress: the window is inside it, and where the last layer could not hold it every layer "
                   "gets the same");
  }

  std::vector<double> weights(const LayerShareInput& input) const override {
    const PyramidInput pyramid{input.layers, input.mean_slots, input.tokens_seen, input.recent, beta_};
    return form_ == "paper" ? pyramid_slots(pyramid) : pyramid_slots_of_kvpress(pyramid);
  }

 private:
  double beta_ = 20;
  std::string form_ = "paper";
};

}  // namespace

KVC_ANSWER(layers, pyramid, PyramidLayers, "falls linearly with depth around the mean",
           "arXiv:2406.02069 (PyramidKV) section 4; kvpress 0.5.5, PyramidKVPress")

}  // namespace kvcompress
