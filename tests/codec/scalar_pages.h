// What the tests of the scalar form share: a page of a form, and keys and values to fill it with.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "base/random.h"               // Random
#include "codec/packed_form.h"         // PackedForm
#include "codec/page_form.h"           // kPageSlots
#include "codec/scalar/scalar_form.h"  // ScalarSettings

namespace kvcompress {

inline std::vector<float> normals(size_t count, uint64_t seed) {
  std::vector<float> out(count);
  Random(seed).fill_normal(out);
  return out;
}

struct alignas(64) PageLine {
  std::byte bytes[64];
};

// Aligned memory, as a pool gives it, full of what an earlier page may have left there.
class Bytes {
 public:
  explicit Bytes(size_t size) : size_(size), lines_((size + sizeof(PageLine) - 1) / sizeof(PageLine)) {
    for (PageLine& line : lines_) std::fill_n(line.bytes, sizeof(PageLine), std::byte{0xA5});
  }
  std::byte* data() { return lines_[0].bytes; }
  const std::byte* data() const { return lines_[0].bytes; }
  float* floats() { return reinterpret_cast<float*>(data()); }
  size_t size() const { return size_; }

 private:
  size_t size_;
  std::vector<PageLine> lines_;
};

// Keys, values, and the page that they were sealed into.
struct SealedPage {
  SealedPage(const PackedForm& form, std::vector<float> k, std::vector<float> v, uint64_t seed = 0)
      : keys(std::move(k)), values(std::move(v)), page(form.payload_bytes()) {
    form.encode(page.data(), keys.data(), values.data(), seed);
    stored_keys.resize(keys.size());
    stored_values.resize(values.size());
    form.load_page(page.data(), stored_keys.data(), stored_values.data());
  }
  SealedPage(const PackedForm& form, uint64_t seed)
      : SealedPage(form, normals(static_cast<size_t>(kPageSlots * form.head_dim()), seed),
                   normals(static_cast<size_t>(kPageSlots * form.head_dim()), seed + 1)) {}

  std::vector<float> keys, values;  // [kPageSlots][head_dim]
  Bytes page;
  std::vector<float> stored_keys, stored_values;  // as they are read back
};

inline double mean_square_error(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum / static_cast<double>(a.size());
}

// One of each thing that changes kernels: axes, groups of one and several tiles, symmetry, rotation.
inline std::vector<ScalarSettings> settings_to_sweep(int bits) {
  using enum ScalarSettings::KeyAxis;
  std::vector<ScalarSettings> all;
  for (const int tokens : {16, 32, 64}) {
    all.push_back({.key_bits = bits, .value_bits = bits, .key_axis = channel, .key_group = tokens});
  }
  all.push_back({.key_bits = bits, .value_bits = bits, .key_axis = token, .key_group = 0, .value_group = 16});
  all.push_back({.key_bits = bits, .value_bits = bits, .key_axis = token, .key_group = 16});
  for (ScalarSettings settings : std::vector<ScalarSettings>(all)) {
    settings.symmetric = true;
    all.push_back(settings);
  }
  all[0].rotated = all[3].rotated = all[7].rotated = true;
  return all;
}

inline std::string describe(const ScalarSettings& s) {
  return std::to_string(s.key_bits) + " bits, " +
         (s.key_axis == ScalarSettings::KeyAxis::channel ? "channel " : "token ") +
         std::to_string(s.key_group) + ", values " + std::to_string(s.value_group) +
         (s.symmetric ? ", symmetric" : "") + (s.rotated ? ", rotated" : "");
}

}  // namespace kvcompress
