#include "policy/registry.h"      // KVC_ANSWER
#include "policy/store_policy.h"  // StorePolicy

namespace kvcompress {
namespace {

class Q8Store final : public StorePolicy {
 public:
  PackedSettings packed(int, int, int) const override {
    return BlockSettings{
        .keys = BlockSettings::Element::int8, .values = BlockSettings::Element::int8, .block = 32};
  }
  std::string describe() const override { return "keys q8_0, values q8_0"; }
};

}  // namespace

KVC_ANSWER(store, q8_0, Q8Store,
           "ggml's q8_0, for comparison: 8 bits, an f16 scale for 32 channels of a token",
           "ggml, quantize_row_q8_0_ref")

}  // namespace kvcompress
