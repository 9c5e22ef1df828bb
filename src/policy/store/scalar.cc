#include <fmt/format.h>

#include <algorithm>  // std::find
#include <vector>     // std::vector

#include "policy/registry.h"      // KVC_ANSWER
#include "policy/store_policy.h"  // StorePolicy

namespace kvcompress {
namespace {

bool is_width(int64_t bits) { return bits == 2 || bits == 3 || bits == 4 || bits == 8; }

bool contains(const std::vector<int64_t>& list, int64_t item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

class ScalarStore final : public StorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("key_bits", key_bits_, 2, 8, "bits of a key's number: 2, 3, 4 or 8");
    visitor.integer("value_bits", value_bits_, 2, 8, "bits of a value's number: 2, 3, 4 or 8");
    visitor.choice("key_axis", key_axis_, {"channel", "token"},
                   "what the numbers of a group of keys share: a channel (over tokens) or a token");
    visitor.integer(
        "key_group", key_group_, 0, 256,
        "numbers of a group of keys: tokens (16, 32, 64) or channels; 0: all of the page or token");
    visitor.integer("value_group", value_group_, 0, 256,
                    "channels of a group of values; 0: all of the token");
    visitor.boolean("symmetric", symmetric_, "a scale alone, without a minimum");
    visitor.boolean("rotate", rotate_, "Hadamard transform first, which spreads outliers over all channels");
    visitor.boolean("rotate_keys", rotate_keys_,
                    "with rotate: keys too; models whose key channels have offsets want false");
    visitor.choice("rounding", rounding_, {"nearest", "stochastic"},
                   "stochastic is free of bias, and doubles the squared error");
    visitor.integers("wide_layers", wide_layers_, 0, 4095, "layers that get wide_bits, from 0");
    visitor.integers("wide_heads", wide_heads_, 0, 1 << 20,
                     "KV heads that get wide_bits, numbered from 0 through all layers");
    visitor.integer("wide_bits", wide_bits_, 2, 8, "bits of their keys and values");
    StorePolicy::visit(visitor);
  }

  std::string problem() const override {
    for (const auto& [name, bits] :
         {std::pair{"key_bits", key_bits_}, {"value_bits", value_bits_}, {"wide_bits", wide_bits_}}) {
      if (!is_width(bits)) return fmt::format("{}: expected 2, 3, 4 or 8, got {}", name, bits);
    }
    const bool tokens = key_axis_ == "channel";
    if (tokens && key_group_ != 0 && key_group_ != 16 && key_group_ != 32 && key_group_ != 64) {
      return fmt::format("key_group: expected 16, 32 or 64 tokens with key_axis channel, got {}", key_group_);
    }
    return {};
  }

  PackedSettings packed(int layer, int kv_head, int kv_heads) const override {
    const bool wide =
        contains(wide_layers_, layer) || contains(wide_heads_, int64_t{layer} * kv_heads + kv_head);
    ScalarSettings settings;
    settings.key_bits = static_cast<int>(wide ? wide_bits_ : key_bits_);
    settings.value_bits = static_cast<int>(wide ? wide_bits_ : value_bits_);
    const bool tokens = key_axis_ == "channel";
    settings.key_axis = tokens ? ScalarSettings::KeyAxis::channel : ScalarSettings::KeyAxis::token;
    settings.key_group = tokens && key_group_ == 0 ? 64 : static_cast<int>(key_group_);
    settings.value_group = static_cast<int>(value_group_);
    settings.symmetric = symmetric_;
    settings.rotated = rotate_;
    settings.rotated_keys = rotate_keys_;
    settings.stochastic = rounding_ == "stochastic";
    return settings;
  }

  std::string describe() const override {
    return fmt::format("keys {} bit, values {} bit{}", key_bits_, value_bits_,
                       !rotate_       ? ""
                       : rotate_keys_ ? ", rotated"
                                      : ", values rotated");
  }

 private:
  int64_t key_bits_ = 4, value_bits_ = 4, wide_bits_ = 8;
  std::string key_axis_ = "channel";
  int64_t key_group_ = 64, value_group_ = 0;
  bool symmetric_ = false, rotate_ = false, rotate_keys_ = true;
  std::string rounding_ = "nearest";
  std::vector<int64_t> wide_layers_, wide_heads_;
};

}  // namespace

KVC_ANSWER(store, scalar, ScalarStore, "integers of 2, 3, 4 or 8 bits with a scale for each group of numbers",
           "arXiv:2402.02750 (KIVI) section 3, arXiv:2404.00456 (QuaRot) section 4 for the rotation")

}  // namespace kvcompress
