#include "policy/projections/low_rank.h"         // low_rank
#include "policy/projections/projected_store.h"  // ProjectedStore
#include "policy/projections/second_moments.h"   // calibrated_moments
#include "policy/registry.h"                     // KVC_ANSWER

namespace kvcompress {
namespace {

// Keys: what queries ask for. Values: what the layer's output gets of them.
class LoraStore final : public ProjectedStore {
 public:
  std::string calibration_kind() const override { return std::string(kSecondMoments); }
  int64_t fit_tokens() const override { return 1; }  // nothing of the sequence is needed

  Projection fit(const ProjectionInput& input) const override {
    const CalibratedMoments known = calibrated_moments(input);
    return {low_rank(known.keys, known.query, input.key_rank),
            low_rank(known.values, known.metric, input.value_rank)};
  }
};

}  // namespace

KVC_ANSWER(store, lora, LoraStore, "axes of a calibration, weighted by what queries and outputs make of them",
           "PiKV (LoRACompressor), arXiv:2408.05646 (Eigen Attention), in closed form")

}  // namespace kvcompress
