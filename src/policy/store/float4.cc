#include <fmt/format.h>

#include "policy/registry.h"      // KVC_ANSWER
#include "policy/store_policy.h"  // StorePolicy

namespace kvcompress {
namespace {

class Float4Store final : public StorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("block", block_, 16, 32, "channels of a token that share a scale: 16 or 32");
    visitor.choice("scale", scale_, {"e4m3", "e8m0", "f16"},
                   "a block's scale: 8 bits with a float32 for the page (NVFP4), a power of two in 8 bits "
                   "(MXFP4), or 16 bits");
    visitor.boolean("rotate", rotate_, "Hadamard transform first, which spreads outliers over all channels");
    StorePolicy::visit(visitor);
  }

  std::string problem() const override {
    if (block_ == 16 || block_ == 32) return {};
    return fmt::format("block: expected 16 or 32, got {}", block_);
  }

  PackedSettings packed(int, int, int) const override {
    using enum BlockSettings::Scale;
    return BlockSettings{.keys = BlockSettings::Element::e2m1,
                         .values = BlockSettings::Element::e2m1,
                         .scale = scale_ == "e4m3"   ? e4m3
                                  : scale_ == "e8m0" ? e8m0
                                                     : f16,
                         .block = static_cast<int>(block_),
                         .rotated = rotate_};
  }

  std::string describe() const override {
    return fmt::format("keys e2m1, values e2m1, {} scales of {} channels{}", scale_, block_,
                       rotate_ ? ", rotated" : "");
  }

 private:
  int64_t block_ = 16;
  std::string scale_ = "e4m3";
  bool rotate_ = false;
};

}  // namespace

KVC_ANSWER(store, float4, Float4Store, "floats of 4 bits (e2m1) with a scale for each block of channels",
           "OCP Microscaling Formats 1.0 section 5.3 (MXFP4); NVFP4 for the e4m3 scales")

}  // namespace kvcompress
