// What the dense tests share: random data, quantised weights, products in double.
#pragma once

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

// Every ggml type that can be made from floats here; some need tables that only a model maker has.
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

// A random weight that owns its bytes. The bytes end where the memory ends, so that a read beyond them is seen by
// AddressSanitizer.
struct TestWeight {
  TestWeight(int type, int64_t rows, int64_t columns, int seed) {
    const WeightType& info = weight_type(type);
    view = {type, nullptr, rows, columns, columns / info.block * info.block_bytes};
    bytes.resize(rows * view.row_bytes);
    quantize(type, random_floats(rows * columns, seed).data(), rows, columns, bytes.data());
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
