#include "dense/rows_path.h"

#include <algorithm>  // std::clamp, std::find_if, std::min

namespace kvcompress {
namespace {

// An item takes some microseconds at the speed of memory: long beside the cost of claiming it, short enough
// that a late thread holds up little.
constexpr int64_t kMinItemBytes = 48 << 10;
constexpr int64_t kMaxItemBytes = 512 << 10;
constexpr int kItemsPerThread = 4;
constexpr int64_t kRowGranularity = 16;

}  // namespace

RowsPath::RowsPath(Isa isa, int threads) : isa_(isa), threads_(threads) {}

void RowsPath::begin(const float* activations, int64_t stride, int tokens,
                     std::span<const Product> products) {
  activations_ = activations;
  stride_ = stride;
  columns_ = products.front().weight->columns;
  tokens_ = tokens;
  units_wanted_ = false;
  partners_used_ = 0;
  for (const Product& product : products) {
    const WeightType& type = weight_type(product.weight->type);
    if (multiply_rows_kernel(isa_, type.format) != nullptr) {
      units_wanted_ = true;
      continue;
    }
    const auto used_end = partners_.begin() + static_cast<std::ptrdiff_t>(partners_used_);
    const auto same = [&](const Partner& p) { return p.type->partner == type.partner; };
    if (std::find_if(partners_.begin(), used_end, same) != used_end) continue;
    if (partners_used_ == partners_.size()) partners_.emplace_back();
    Partner& partner = partners_[partners_used_++];
    partner.type = &type;
    partner.row_bytes = columns_ / type.partner_block * type.partner_block_bytes;
    partner.data.reserve(tokens * partner.row_bytes);
  }
  if (units_wanted_) units_.reserve(tokens * activation_units(columns_) * sizeof(ActivationUnit));
}

void RowsPath::convert(int token) {
  const float* x = activations_ + token * stride_;
  if (units_wanted_) {
    ActivationUnit* units = reinterpret_cast<ActivationUnit*>(units_.data());
    quantize_activations_kernel(isa_)(x, columns_, units + token * activation_units(columns_));
  }
  for (size_t i = 0; i < partners_used_; ++i) {
    Partner& partner = partners_[i];
    partner.type->from_float(x, partner.data.data() + token * partner.row_bytes, columns_);
  }
}

int64_t RowsPath::plan(std::span<const Product> products, int first_token) {
  items_.clear();
  first_token_ = first_token;
  if (tokens_ == 0) return 0;
  int64_t bytes = 0;
  for (const Product& product : products)
    bytes += product.weight->rows * static_cast<int64_t>(product.weight->row_bytes);
  const int64_t item_bytes =
      threads_ == 1 ? kMaxItemBytes
                    : std::clamp(bytes / (kItemsPerThread * threads_), kMinItemBytes, kMaxItemBytes);
  for (const Product& product : products) {
    const Weight& weight = *product.weight;
    const int64_t fitting = item_bytes / static_cast<int64_t>(weight.row_bytes);
    const int64_t per_item = std::max(kRowGranularity, fitting / kRowGranularity * kRowGranularity);
    for (int64_t row = 0; row < weight.rows; row += per_item) {
      items_.push_back({&product, row, std::min(per_item, weight.rows - row)});
    }
  }
  return static_cast<int64_t>(items_.size());
}

const RowsPath::Partner& RowsPath::partner_of(const WeightType& type) const {
  return *std::find_if(partners_.begin(), partners_.end(),
                       [&](const Partner& partner) { return partner.type->partner == type.partner; });
}

void RowsPath::run(int64_t index) {
  const Item& item = items_[index];
  const WeightType& type = weight_type(item.product->weight->type);
  if (const MultiplyRows kernel = multiply_rows_kernel(isa_, type.format)) {
    run_kernel(item, kernel);
  } else {
    run_dots(item, type);
  }
}

void RowsPath::run_kernel(const Item& item, MultiplyRows kernel) const {
  const Product& product = *item.product;
  RowsCall call{};
  call.weights = product.weight->data + item.first_row * product.weight->row_bytes;
  call.row_bytes = product.weight->row_bytes;
  call.rows = item.rows;
  call.columns = columns_;
  call.units = reinterpret_cast<const ActivationUnit*>(units_.data());
  call.tokens = tokens_;
  call.bias = product.bias != nullptr ? product.bias + item.first_row : nullptr;
  call.output = product.output + first_token_ * product.output_stride + item.first_row;
  call.output_stride = product.output_stride;
  call.accumulate = product.accumulate;
  kernel(call);
}

void RowsPath::run_dots(const Item& item, const WeightType& type) const {
  const Product& product = *item.product;
  const Partner& partner = partner_of(type);
  for (int64_t row = item.first_row; row < item.first_row + item.rows; ++row) {
    const std::byte* weights = product.weight->data + row * product.weight->row_bytes;
    for (int t = 0; t < tokens_; ++t) {
      float value;
      type.dot(static_cast<int>(columns_), &value, 0, weights, 0, partner.data.data() + t * partner.row_bytes,
               0, 1);
      if (product.bias != nullptr) value += product.bias[row];
      float& out = product.output[(first_token_ + t) * product.output_stride + row];
      out = product.accumulate ? out + value : value;
    }
  }
}

}  // namespace kvcompress
