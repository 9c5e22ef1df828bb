#include <fmt/format.h>

#include "policy/registry.h"      // KVC_ANSWER
#include "policy/store_policy.h"  // StorePolicy

namespace kvcompress {
namespace {

class Float8Store final : public StorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.choice("format", format_, {"e4m3", "e5m2"}, "bits of exponent and of mantissa");
    visitor.integer("block", block_, 0, 256,
                    "channels of a token that share a scale, a multiple of 16; 0: all of them");
    visitor.boolean("rotate", rotate_, "Hadamard transform first, which spreads outliers over all channels");
    StorePolicy::visit(visitor);
  }

  std::string problem() const override {
    if (block_ % 16 == 0) return {};
    return fmt::format("block: expected a multiple of 16, or 0, got {}", block_);
  }

  PackedSettings packed(int, int, int) const override {
    const auto element = format_ == "e4m3" ? BlockSettings::Element::e4m3 : BlockSettings::Element::e5m2;
    return BlockSettings{
        .keys = element, .values = element, .block = static_cast<int>(block_), .rotated = rotate_};
  }

  std::string describe() const override {
    return fmt::format("keys {}, values {}{}", format_, format_, rotate_ ? ", rotated" : "");
  }

 private:
  std::string format_ = "e4m3";
  int64_t block_ = 0;
  bool rotate_ = false;
};

}  // namespace

KVC_ANSWER(store, float8, Float8Store,
           "floats of 8 bits with an f16 scale for each token or block of channels",
           "arXiv:2209.05433 (FP8 formats) section 3")

}  // namespace kvcompress
