#include "dense/linear.h"

#include <string>  // std::to_string

#include "compute/isa.h"       // active_isa
#include "dense/ggml_types.h"  // weight_type
#include "dense/panel_path.h"  // PanelPath
#include "dense/rows_path.h"   // RowsPath
#include "kvcompress/error.h"  // UsageError

namespace kvcompress {
namespace {

constexpr int64_t kConvertAlone = 32 << 10;  // activations that are not worth a parallel region of their own
constexpr int kConvertTokens = 8;            // per item

void check(const Activations& input, std::span<const Product> products) {
  const int64_t columns = products.front().weight->columns;
  for (const Product& product : products) {
    const Weight& weight = *product.weight;
    const WeightType& type = weight_type(weight.type);
    if (weight.columns != columns || columns % type.block != 0 || input.stride < columns) {
      throw UsageError("[dense product] expected weights of " + std::to_string(columns) +
                       " columns, a multiple of " + std::to_string(type.block) + " and at most the input's " +
                       std::to_string(input.stride) + ", got " + std::to_string(weight.columns) +
                       "; check the model's shapes");
    }
  }
}

}  // namespace

struct Linear::Scratch {
  Scratch(Isa isa_in, Precision precision, int threads)
      : isa(isa_in), panels(isa_in, precision, threads), rows(isa_in, threads) {}
  Isa isa;
  PanelPath panels;
  RowsPath rows;
};

Linear::Linear(ThreadPool& pool, Precision precision)
    : pool_(pool),
      precision_(precision),
      scratch_(std::make_unique<Scratch>(active_isa(), precision, pool.size())) {}

Linear::~Linear() = default;

void Linear::multiply(const Activations& input, std::span<const Product> products) {
  // In exact arithmetic both phases take float32 panels.
  const int panel_tokens = precision_ == Precision::exact ? input.prefill + input.decode : input.prefill;
  const int row_tokens = precision_ == Precision::exact ? 0 : input.decode;
  if (products.empty() || panel_tokens + row_tokens == 0) return;
  check(input, products);
  PanelPath& panels = scratch_->panels;
  RowsPath& rows = scratch_->rows;
  const int64_t columns = products.front().weight->columns;
  panels.begin(input.data, input.stride, columns, panel_tokens);
  rows.begin(input.data + panel_tokens * input.stride, input.stride, row_tokens, products);

  const int first = panels.converts() ? 0 : panel_tokens;
  const int tokens = panel_tokens + row_tokens;
  const auto convert = [&](int64_t item, int) {
    const int begin = first + static_cast<int>(item) * kConvertTokens;
    for (int t = begin; t < tokens && t < begin + kConvertTokens; ++t) {
      if (t < panel_tokens) {
        panels.convert(t);
      } else {
        rows.convert(t - panel_tokens);
      }
    }
  };
  const int64_t converts = (tokens - first + kConvertTokens - 1) / kConvertTokens;
  if ((tokens - first) * columns <= kConvertAlone) {
    for (int64_t item = 0; item < converts; ++item) convert(item, 0);
  } else {
    pool_.parallel_for(converts, convert);
  }

  const int64_t panel_items = panels.plan(products);
  const int64_t row_items = rows.plan(products, panel_tokens);
  pool_.parallel_for(panel_items + row_items, [&](int64_t item, int worker) {
    if (item < panel_items) {
      panels.run(item, worker);
    } else {
      rows.run(item - panel_items);
    }
  });
}

std::string Linear::describe() const {
  const std::string isa(name(scratch_->isa));
  if (precision_ == Precision::exact) {
    return "dense: float32 panels for all tokens (" + isa + "), because precision is exact";
  }
  const std::string prefill = scratch_->panels.kernels().bf16
                                  ? "BF16 panels (the machine has BF16 dot products)"
                                  : "float32 panels (no BF16 dot products in " + isa + ")";
  const bool own = multiply_rows_kernel(scratch_->isa, WeightFormat::q4_0) != nullptr;
  const std::string decode =
      own ? "8-bit activations on the file's rows with own kernels for q4_0 q4_1 q5_0 q5_1 q8_0 "
            "q4_K q5_K q6_K, ggml's dot products for other types"
          : "ggml's dot products on the file's rows (no 8-bit dot products in " + isa + ")";
  return "dense: prefill takes " + prefill + "; decode takes " + decode;
}

void dequantize_row(const Weight& weight, int64_t row, float* out) {
  weight_type(weight.type).to_float(weight.data + row * weight.row_bytes, out, weight.columns);
}

}  // namespace kvcompress
