// Weight matrices times activations. A token's arithmetic depends on its phase (prefill or decode) and never
// on what else is in the batch, so a sequence gives the same tokens alone and in a batch.
#pragma once

#include <cstddef>  // std::byte
#include <cstdint>  // int64_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span
#include <string>   // std::string

#include "compute/precision.h"    // Precision
#include "compute/thread_pool.h"  // ThreadPool

namespace kvcompress {

// A matrix as it lies in the model file: `rows` outputs of `columns` inputs each, row-major, in a ggml type.
struct Weight {
  int type = 0;  // ggml_type
  const std::byte* data = nullptr;
  int64_t rows = 0, columns = 0;
  size_t row_bytes = 0;
  explicit operator bool() const { return data != nullptr; }
};

// One of several products that share their input: output[i][r] = dot(weight row r, input i) + bias[r].
struct Product {
  const Weight* weight;
  const float* bias;      // [rows] or nullptr
  float* output;          // [tokens][output_stride]
  int64_t output_stride;  // floats
  bool accumulate;        // add to what output holds (residual) instead of overwriting it
};

// Rows of activations: first the prefill tokens of all sequences, then the decode tokens.
struct Activations {
  const float* data;  // [prefill + decode][stride]
  int64_t stride;     // floats
  int prefill;
  int decode;
};

class Linear {
 public:
  Linear(ThreadPool& pool, Precision precision);
  ~Linear();
  Linear(const Linear&) = delete;
  Linear& operator=(const Linear&) = delete;

  void multiply(const Activations& input, std::span<const Product> products);

  // Which paths this machine takes and why, one line (for -v).
  std::string describe() const;

 private:
  struct Scratch;
  ThreadPool& pool_;
  Precision precision_;
  std::unique_ptr<Scratch> scratch_;
};

// Row `row` of a weight as float32 [columns] (token embeddings, norms).
void dequantize_row(const Weight& weight, int64_t row, float* out);

}  // namespace kvcompress
