// The packed forms that are named after ggml's types against ggml itself, bit for bit.
#include <ggml.h>
#include <gtest/gtest.h>

#include <vector>  // std::vector

#include "base/random.h"             // Random
#include "codec/block/block_form.h"  // make_block_form

namespace kvcompress {
namespace {

struct alignas(64) Line {
  std::byte bytes[64];
};

// What ggml reads back of rows of head_dim numbers, zeros behind them up to a whole block.
std::vector<float> through_ggml(ggml_type type, const std::vector<float>& rows, int head_dim) {
  const ggml_type_traits* ggml = ggml_get_type_traits(type);
  const int padded = (head_dim + 31) / 32 * 32;
  std::vector<float> in(static_cast<size_t>(kPageSlots) * padded), back(in.size()), out;
  for (int slot = 0; slot < kPageSlots; ++slot) {
    std::copy_n(rows.data() + slot * head_dim, head_dim, in.data() + slot * padded);
  }
  std::vector<std::byte> blocks(in.size() * 2);
  ggml->from_float_ref(in.data(), blocks.data(), static_cast<int64_t>(in.size()));
  ggml->to_float(blocks.data(), back.data(), static_cast<int64_t>(back.size()));
  for (int slot = 0; slot < kPageSlots; ++slot) {
    const float* row = back.data() + slot * padded;
    out.insert(out.end(), row, row + head_dim);
  }
  return out;
}

void expect_same(const std::vector<float>& keys, const std::vector<float>& values, int head_dim) {
  using enum BlockSettings::Element;
  for (const auto& [type, kind] : {std::pair(GGML_TYPE_Q8_0, int8), {GGML_TYPE_Q4_0, int4}}) {
    const char* name = ggml_type_name(type);
    const auto form = make_block_form({.keys = kind, .values = kind, .block = 32}, head_dim);
    std::vector<Line> page(form->payload_bytes() / sizeof(Line));
    form->encode(page[0].bytes, keys.data(), values.data(), 0);
    std::vector<float> stored_keys(keys.size()), stored_values(values.size());
    form->load_page(page[0].bytes, stored_keys.data(), stored_values.data());
    EXPECT_EQ(stored_keys, through_ggml(type, keys, head_dim)) << name << ", " << head_dim;
    EXPECT_EQ(stored_values, through_ggml(type, values, head_dim)) << name << ", " << head_dim;
  }
}

TEST(GgmlForms, NumbersComeBackAsFromGgml) {
  for (const int head_dim : {16, 48, 64, 80, 96, 128, 256}) {
    for (uint64_t seed = 0; seed < 8; ++seed) {
      Random random(seed);
      std::vector<float> keys(static_cast<size_t>(kPageSlots) * head_dim), values(keys.size());
      random.fill_normal(keys);
      random.fill_normal(values);
      for (size_t i = 3; i < keys.size(); i += static_cast<size_t>(head_dim)) keys[i] *= 100;
      expect_same(keys, values, head_dim);
    }
  }
}

// Numbers on the halves between two codes, equal magnitudes of both signs, zeros, subnormal scales.
TEST(GgmlForms, TiesComeBackAsFromGgml) {
  std::vector<float> keys(static_cast<size_t>(kPageSlots) * 64), values(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    const auto step = static_cast<float>(static_cast<int>(i * 7 % 255) - 127);
    keys[i] = i % 32 == 0 ? 127 : i % 32 == 1 ? -127 : step / 2 + 0.5f;
    values[i] = (i % 32 == 5 ? -8.0f : static_cast<float>(i % 33) / 2 - 8) * (i / 64 == 9 ? 1e-9f : 1.0f);
  }
  std::fill_n(keys.begin() + 640, 64, 0.0f);
  std::fill_n(values.begin() + 640, 64, -0.0f);
  expect_same(keys, values, 64);
}

}  // namespace
}  // namespace kvcompress
