#include "policy/projections/low_rank.h"         // low_rank
#include "policy/projections/projected_store.h"  // ProjectedStore
#include "policy/projections/second_moments.h"   // calibrated_moments
#include "policy/registry.h"                     // KVC_ANSWER

namespace kvcompress {
namespace {

// Two maps of the same numbers would be one map, so each has a side of its own.
class LoraDistillationStore final : public ProjectedStore {
 public:
  std::string calibration_kind() const override { return std::string(kSecondMoments); }
  int64_t fit_tokens() const override { return 1; }

  Projection fit(const ProjectionInput& input) const override {
    const CalibratedMoments known = calibrated_moments(input);
    return {low_rank(known.keys, {}, input.key_rank),
            low_rank({known.values.mean, known.output}, known.metric, input.value_rank)};
  }
};

}  // namespace

KVC_ANSWER(store, lora_distillation, LoraDistillationStore,
           "keys by the principal axes of a calibration, values by what outputs make of them",
           "PiKV (LoRA+Distillation)")

}  // namespace kvcompress
