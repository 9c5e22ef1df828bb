#include <fmt/format.h>

#include "policy/registry.h"      // KVC_ANSWER
#include "policy/store_policy.h"  // StorePolicy

namespace kvcompress {
namespace {

BlockSettings::Element levels(int64_t bits) {
  using enum BlockSettings::Element;
  return bits == 2 ? normal_2 : bits == 3 ? normal_3 : normal_4;
}

class CodebookStore final : public StorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("key_bits", key_bits_, 2, 4, "bits of a key's number");
    visitor.integer("value_bits", value_bits_, 2, 4, "bits of a value's number");
    StorePolicy::visit(visitor);
  }

  PackedSettings packed(int, int, int) const override {
    return BlockSettings{.keys = levels(key_bits_), .values = levels(value_bits_), .rotated = true};
  }

  std::string describe() const override {
    return fmt::format("keys {} bit, values {} bit, rotated, codebook", key_bits_, value_bits_);
  }

 private:
  int64_t key_bits_ = 4, value_bits_ = 4;
};

}  // namespace

KVC_ANSWER(store, codebook, CodebookStore,
           "a Hadamard transform, a token's norm, and the best 4, 8 or 16 levels for normal numbers",
           "arXiv:2504.19874 (TurboQuant) section 3.1, without the residual's signs")

}  // namespace kvcompress
