#include "policy/registry.h"      // KVC_ANSWER
#include "policy/store_policy.h"  // StorePolicy

namespace kvcompress {
namespace {

class Q4Store final : public StorePolicy {
 public:
  PackedSettings packed(int, int, int) const override {
    return BlockSettings{
        .keys = BlockSettings::Element::int4, .values = BlockSettings::Element::int4, .block = 32};
  }
  std::string describe() const override { return "keys q4_0, values q4_0"; }
};

}  // namespace

KVC_ANSWER(store, q4_0, Q4Store,
           "ggml's q4_0, for comparison: 4 bits, an f16 scale for 32 channels of a token",
           "ggml, quantize_row_q4_0_ref")

}  // namespace kvcompress
