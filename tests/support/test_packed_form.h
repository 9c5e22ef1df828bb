// A packed form that tests can see through: 8 bits a number with a power of two per token for its keys and
// one for its values. What it reads back is exact in f16, and packing it again changes nothing.
#pragma once

#include <algorithm>  // std::max
#include <cmath>      // std::frexp, std::ldexp, std::nearbyint
#include <cstring>    // std::memcpy
#include <string>     // std::string
#include <vector>     // std::vector

#include "codec/packed_form.h"  // PackedForm

namespace kvcompress {

// The least exponent whose power of two, times 127, bounds every number of a row.
inline int unit_exponent(const float* row, int count) {
  float greatest = 0;
  for (int c = 0; c < count; ++c) greatest = std::max(greatest, std::abs(row[c]));
  int exponent = 0;
  std::frexp(greatest, &exponent);
  exponent -= 7;
  return std::ldexp(127.0f, exponent) < greatest ? exponent + 1 : exponent;
}

// A row as the form reads it back.
inline void round_row(const float* row, int count, float* out) {
  const int exponent = unit_exponent(row, count);
  for (int c = 0; c < count; ++c) {
    out[c] = std::ldexp(std::nearbyint(std::ldexp(row[c], -exponent)), exponent);
  }
}

class TestPackedForm : public PackedForm {
 public:
  explicit TestPackedForm(int head_dim) : head_dim_(head_dim) {}

  std::string name() const override { return "8 bits a token"; }
  int head_dim() const override { return head_dim_; }
  // Codes of keys, of values, the exponents of both, the seed.
  size_t payload_bytes() const override {
    return (2 * codes() + 2 * kPageSlots + sizeof(uint64_t) + 63) / 64 * 64;
  }
  void encode(std::byte* page, const float* keys, const float* values, uint64_t seed) const override {
    for (int slot = 0; slot < kPageSlots; ++slot) {
      encode_row(page, 0, slot, keys);
      encode_row(page, 1, slot, values);
    }
    std::memcpy(page + seed_at(), &seed, sizeof(seed));
  }
  void load(const std::byte* page, int slot, float* key, float* value) const override {
    if (key != nullptr) load_row(page, 0, slot, key);
    if (value != nullptr) load_row(page, 1, slot, value);
  }
  void load_page(const std::byte* page, float* keys, float* values) const override {
    for (int slot = 0; slot < kPageSlots; ++slot) {
      const int64_t at = static_cast<int64_t>(slot) * head_dim_;
      load(page, slot, keys == nullptr ? nullptr : keys + at, values == nullptr ? nullptr : values + at);
    }
  }
  uint64_t seed_of(const std::byte* page) const {
    uint64_t seed = 0;
    std::memcpy(&seed, page + seed_at(), sizeof(seed));
    return seed;
  }

 private:
  size_t codes() const { return static_cast<size_t>(kPageSlots) * head_dim_; }
  size_t seed_at() const { return 2 * codes() + 2 * kPageSlots; }

  void encode_row(std::byte* page, int part, int slot, const float* rows) const {
    const float* row = rows + static_cast<int64_t>(slot) * head_dim_;
    const int exponent = unit_exponent(row, head_dim_);
    auto* codes_of_row = reinterpret_cast<int8_t*>(page) + part * codes() + slot * size_t(head_dim_);
    for (int c = 0; c < head_dim_; ++c) {
      codes_of_row[c] = static_cast<int8_t>(std::nearbyint(std::ldexp(row[c], -exponent)));
    }
    reinterpret_cast<int8_t*>(page)[2 * codes() + part * kPageSlots + slot] = static_cast<int8_t>(exponent);
  }
  void load_row(const std::byte* page, int part, int slot, float* out) const {
    const auto* bytes = reinterpret_cast<const int8_t*>(page);
    const int exponent = bytes[2 * codes() + part * kPageSlots + slot];
    const int8_t* codes_of_row = bytes + part * codes() + slot * size_t(head_dim_);
    for (int c = 0; c < head_dim_; ++c) out[c] = std::ldexp(static_cast<float>(codes_of_row[c]), exponent);
  }

  int head_dim_;
};

// The same numbers, with attention in a space of its own: channels reversed, queries and keys eight times and
// values a quarter of what they were, sums wider than a head.
class ReversedForm : public TestPackedForm {
 public:
  using TestPackedForm::TestPackedForm;

  size_t query_bytes(int group) const override { return sizeof(float) * group * head_dim(); }
  void prepare(const float* queries, int group, Precision, std::byte* out) const override {
    auto* prepared = reinterpret_cast<float*>(out);
    for (int g = 0; g < group; ++g) {
      const float* query = queries + static_cast<int64_t>(g) * padded_head_dim(head_dim());
      for (int c = 0; c < head_dim(); ++c) prepared[g * head_dim() + head_dim() - 1 - c] = query[c] / 8;
    }
  }
  void score(const std::byte* page, const std::byte* queries, int group, Precision, float* logits,
             const std::byte*) const override {
    std::vector<float> key(static_cast<size_t>(head_dim()));
    for (int slot = 0; slot < kPageSlots; ++slot) {
      load(page, slot, key.data(), nullptr);
      for (int g = 0; g < group; ++g) {
        const float* query = reinterpret_cast<const float*>(queries) + static_cast<int64_t>(g) * head_dim();
        float sum = 0;
        for (int c = 0; c < head_dim(); ++c) sum += query[head_dim() - 1 - c] * key[c] * 8;
        logits[g * kPageSlots + slot] = sum;
      }
    }
  }
  int sum_floats() const override { return padded_head_dim(head_dim()) + 32; }
  void accumulate(const std::byte* page, const float* weights, int group, Precision, float* sums,
                  const std::byte*) const override {
    std::vector<float> value(static_cast<size_t>(head_dim()));
    for (int slot = 0; slot < kPageSlots; ++slot) {
      load(page, slot, nullptr, value.data());
      for (int g = 0; g < group; ++g) {
        float* sum = sums + static_cast<int64_t>(g) * sum_floats() + 32;
        for (int c = 0; c < head_dim(); ++c) {
          sum[head_dim() - 1 - c] += weights[g * kPageSlots + slot] * value[c] / 4;
        }
      }
    }
  }
  void finish(const float* sums, int group, float* out) const override {
    const int padded = padded_head_dim(head_dim());
    for (int g = 0; g < group; ++g) {
      const float* sum = sums + static_cast<int64_t>(g) * sum_floats() + 32;
      for (int c = 0; c < padded; ++c) {
        out[g * padded + c] = c < head_dim() ? sum[head_dim() - 1 - c] * 4 : 0;
      }
    }
  }
};

}  // namespace kvcompress
