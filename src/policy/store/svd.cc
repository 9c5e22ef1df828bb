#include "policy/projections/low_rank.h"         // low_rank, moments_of
#include "policy/projections/projected_store.h"  // ProjectedStore
#include "policy/registry.h"                     // KVC_ANSWER

namespace kvcompress {
namespace {

class SvdStore final : public ProjectedStore {
 public:
  Projection fit(const ProjectionInput& input) const override {
    return {low_rank(moments_of(input.keys, input.head_dim), {}, input.key_rank),
            low_rank(moments_of(input.values, input.head_dim), {}, input.value_rank)};
  }
};

}  // namespace

KVC_ANSWER(store, svd, SvdStore, "each head's principal axes, found in the sequence itself",
           "PiKV (SVDCompressor), in closed form")

}  // namespace kvcompress
