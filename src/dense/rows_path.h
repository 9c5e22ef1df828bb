// Products of decode tokens: weight rows are read as they lie in the file, once for all tokens.
#pragma once

#include <cstdint>  // int64_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "compute/isa.h"           // Isa
#include "dense/aligned_buffer.h"  // AlignedBuffer
#include "dense/ggml_types.h"      // WeightType
#include "dense/linear.h"          // Product
#include "dense/rows_kernels.h"    // ActivationUnit

namespace kvcompress {

class RowsPath {
 public:
  RowsPath(Isa isa, int threads);

  // Before anything else of a step: the tokens' activations and what will multiply them. Not parallel.
  void begin(const float* activations, int64_t stride, int tokens, std::span<const Product> products);
  // Turns a token's activations into the forms that the products need, before items run.
  void convert(int token);

  // Makes the work items; returns how many. `first_token` is the row of the output of the first token. Not
  // parallel.
  int64_t plan(std::span<const Product> products, int first_token);
  void run(int64_t item);

 private:
  struct Item {
    const Product* product;
    int64_t first_row, rows;
  };
  // Activations as a ggml type, for dot products of ggml.
  struct Partner {
    const WeightType* type;
    size_t row_bytes;
    AlignedBuffer data;  // [tokens][row_bytes]
  };

  const Partner& partner_of(const WeightType& type) const;
  void run_kernel(const Item& item, MultiplyRows kernel) const;
  void run_dots(const Item& item, const WeightType& type) const;

  Isa isa_;
  int threads_;
  const float* activations_ = nullptr;
  int64_t stride_ = 0, columns_ = 0;
  int tokens_ = 0, first_token_ = 0;
  bool units_wanted_ = false;
  AlignedBuffer units_;            // ActivationUnit [tokens][activation_units(columns)]
  std::vector<Partner> partners_;  // the first partners_used_ are of this step
  size_t partners_used_ = 0;
  std::vector<Item> items_;
};

}  // namespace kvcompress
