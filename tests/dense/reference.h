// What the dense tests share: random data, quantised weights, products in double.
#pragma once

#include <cmath>    // std::abs
#include <cstddef>  // std::byte
#include <random>   // std::mt19937
#include <string>   // std::string
#include <vector>   // std::vector

#include "dense/ggml_types.h"  // quantize, weight_type
#include "dense/linear.h"      // Weight

namespace kvcompress::testing {

inline std::vector<float> random_floats(int64_t n, int seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

// Every ggml type that weights may have.
inline std::vector<int> weight_types() {
  std::vector<int> types;
  for (int type = 0; type < 64; ++type) {
    if (is_weight_type(type)) types.push_back(type);
  }
  return types;
}

inline int type_named(const std::string& name) {
  for (const int type : weight_types()) {
    if (name == weight_type(type).name) return type;
  }
  return -1;
}

// Codebook types take ggml tens of seconds to make from floats, so their codes are random and their scale is
// set.
inline bool is_codebook(const std::string& name) {
  return name.starts_with("iq1") || name.starts_with("iq2") || name.starts_with("iq3");
}
inline void fill_codebook(const WeightType& info, std::vector<std::byte>& bytes, int seed) {
  std::mt19937 random(seed);
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random());
  for (size_t block = 0; block < bytes.size(); block += info.block_bytes) {
    if (std::string(info.name) == "iq1_m") {  // the half 0x2400 in the upper nibbles of four words
      constexpr int kNibbles[] = {0, 0, 4, 2};
      for (int i = 0; i < 4; ++i) {
        std::byte& byte = bytes[block + 49 + 2 * i];
        byte = (byte & std::byte{15}) | static_cast<std::byte>(kNibbles[i] << 4);
      }
    } else {
      bytes[block] = std::byte{0};
      bytes[block + 1] = std::byte{0x24};
    }
  }
}

// A random weight that owns its bytes. The bytes end where the memory ends, so that a read beyond them is
// seen by AddressSanitizer.
struct TestWeight {
  TestWeight(int type, int64_t rows, int64_t columns, int seed) {
    const WeightType& info = weight_type(type);
    view = {type, nullptr, rows, columns, columns / info.block * info.block_bytes};
    bytes.resize(rows * view.row_bytes);
    if (is_codebook(info.name)) {
      fill_codebook(info, bytes, seed);
    } else {
      quantize(type, random_floats(rows * columns, seed).data(), rows, columns, bytes.data());
    }
    view.data = bytes.data();
    values.resize(rows * columns);
    for (int64_t r = 0; r < rows; ++r) dequantize_row(view, r, values.data() + r * columns);
  }
  std::vector<std::byte> bytes;
  std::vector<float> values;  // [rows][columns], as ggml reads them
  Weight view;
};

// dot(weight row, x) in double, and the sum of magnitudes that its rounding errors are measured against.
struct Reference {
  double value = 0, magnitude = 0;
};
inline Reference reference_dot(const float* w, const float* x, int64_t n) {
  Reference r;
  for (int64_t i = 0; i < n; ++i) {
    r.value += double{w[i]} * x[i];
    r.magnitude += std::abs(double{w[i]} * x[i]);
  }
  return r;
}

}  // namespace kvcompress::testing
