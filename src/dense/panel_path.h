// Products of many tokens: blocks of 64 weight rows are expanded into a panel that stays in the L2 cache and
// is multiplied with all tokens. Nothing expanded outlives its work item.
#pragma once

#include <cstdint>  // int64_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "compute/isa.h"           // Isa
#include "dense/aligned_buffer.h"  // AlignedBuffer
#include "dense/linear.h"          // Product
#include "dense/panel_kernels.h"   // PanelKernels

namespace kvcompress {

class PanelPath {
 public:
  PanelPath(Isa isa, Precision precision, int threads);

  // Before anything else of a step: `tokens` rows of activations of `columns` each. Not parallel.
  void begin(const float* activations, int64_t stride, int64_t columns, int tokens);
  // Whether activations must be converted, token by token, before items run.
  bool converts() const { return kernels_.bf16; }
  void convert(int token);

  // Makes the work items of the products; returns how many. Not parallel.
  int64_t plan(std::span<const Product> products);
  void run(int64_t item, int worker);

  const PanelKernels& kernels() const { return kernels_; }

 private:
  struct Item {
    const Product* product;
    int64_t first_row;
    int rows;
    int first_token, tokens;
  };
  struct Worker {
    AlignedBuffer panel, staging, partial;
  };

  void expand(const Weight& weight, int64_t first_row, int rows, int64_t first_column, int64_t columns,
              Worker& worker);
  int tokens_per_item(int64_t blocks) const;

  Isa isa_;
  const PanelKernels& kernels_;
  std::vector<Worker> workers_;
  std::vector<Item> items_;
  AlignedBuffer converted_;  // BF16 [tokens][padded_columns_]
  const float* activations_ = nullptr;
  int64_t stride_ = 0, columns_ = 0, padded_columns_ = 0;
  int64_t part_ = 0;  // columns of a panel
  int tokens_ = 0;
};

}  // namespace kvcompress
