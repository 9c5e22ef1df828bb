// Every packed form, in the settings that change its arithmetic, for the tests that hold for all of them.
#pragma once

#include <memory>   // std::unique_ptr
#include <string>   // std::string
#include <variant>  // std::get_if
#include <vector>   // std::vector

#include "codec/block/block_form.h"    // make_block_form
#include "codec/packed_form.h"         // PackedForm
#include "codec/scalar/scalar_form.h"  // make_scalar_form
#include "policy/store_policy.h"       // PackedSettings

namespace kvcompress {

struct NamedForm {
  std::string name;
  PackedSettings settings;
};

inline std::unique_ptr<PackedForm> make_form(const PackedSettings& settings, int head_dim,
                                             Isa isa = active_isa()) {
  if (const auto* scalar = std::get_if<ScalarSettings>(&settings)) {
    return make_scalar_form(*scalar, head_dim, isa);
  }
  return make_block_form(std::get<BlockSettings>(settings), head_dim, isa);
}

inline std::vector<NamedForm> block_forms() {
  using enum BlockSettings::Element;
  using Scale = BlockSettings::Scale;
  return {
      {"e4m3", BlockSettings{.keys = e4m3, .values = e4m3}},
      {"e5m2", BlockSettings{.keys = e5m2, .values = e5m2}},
      {"e4m3 blocks of 16, rotated",
       BlockSettings{.keys = e4m3, .values = e4m3, .block = 16, .rotated = true}},
      {"e2m1 16 e4m3", BlockSettings{.keys = e2m1, .values = e2m1, .scale = Scale::e4m3, .block = 16}},
      {"e2m1 32 e4m3", BlockSettings{.keys = e2m1, .values = e2m1, .scale = Scale::e4m3, .block = 32}},
      {"e2m1 32 e8m0", BlockSettings{.keys = e2m1, .values = e2m1, .scale = Scale::e8m0, .block = 32}},
      {"e2m1 16 e8m0", BlockSettings{.keys = e2m1, .values = e2m1, .scale = Scale::e8m0, .block = 16}},
      {"e2m1 16 f16", BlockSettings{.keys = e2m1, .values = e2m1, .scale = Scale::f16, .block = 16}},
      {"e2m1 32 f16, rotated",
       BlockSettings{.keys = e2m1, .values = e2m1, .scale = Scale::f16, .block = 32, .rotated = true}},
      {"q8_0", BlockSettings{.keys = int8, .values = int8, .block = 32}},
      {"q4_0", BlockSettings{.keys = int4, .values = int4, .block = 32}},
      {"codebook 4", BlockSettings{.keys = normal_4, .values = normal_4, .rotated = true}},
      {"codebook 3", BlockSettings{.keys = normal_3, .values = normal_3, .rotated = true}},
      {"codebook 2", BlockSettings{.keys = normal_2, .values = normal_2, .rotated = true}},
      {"codebook keys 4, values 2", BlockSettings{.keys = normal_4, .values = normal_2, .rotated = true}}};
}

inline std::vector<NamedForm> scalar_forms() {
  using enum ScalarSettings::KeyAxis;
  std::vector<NamedForm> all;
  for (const int bits : {8, 4, 3, 2}) {
    const std::string text = std::to_string(bits) + "-bit";
    const ScalarSettings channels{.key_bits = bits, .value_bits = bits};
    ScalarSettings tokens = channels;
    tokens.key_axis = token;
    tokens.key_group = 0;
    all.push_back({text, channels});
    all.push_back({text + " by token", tokens});
    tokens.key_group = tokens.value_group = 16;
    tokens.symmetric = true;
    all.push_back({text + " by token, symmetric, 16", tokens});
    ScalarSettings rotated = channels;
    rotated.rotated = true;
    all.push_back({text + " rotated", rotated});
    rotated.rotated_keys = false;
    all.push_back({text + ", values rotated", rotated});
  }
  all.push_back(
      {"rotated 4-bit keys, 2-bit values", ScalarSettings{.key_bits = 4, .value_bits = 2, .rotated = true}});
  return all;
}

inline std::vector<NamedForm> all_forms() {
  std::vector<NamedForm> all = scalar_forms();
  for (NamedForm& form : block_forms()) all.push_back(std::move(form));
  return all;
}

}  // namespace kvcompress
