#include "dense/panel_path.h"

#include <algorithm>  // std::clamp, std::max, std::min

#include "dense/expand_kernels.h"  // expand_row_kernel
#include "dense/ggml_types.h"      // weight_type

namespace kvcompress {
namespace {

constexpr int64_t kPanelBytes =
    256 << 10;  // a quarter of a 1 MiB L2 cache: the activations pass through it as well
constexpr int64_t kStageColumns = 256;      // expanded at a time; a multiple of every type's block
constexpr int64_t kStageStride = 256 + 16;  // floats; off a power of two, which would crowd a few cache sets
constexpr int kMinTokens = 96;              // per item, so that expansion stays small beside the products
constexpr int kMaxTokensOfParts = 1020;     // bounds the sums carried between parts to 255 KiB
constexpr int kTileTokens = 6;
constexpr int kItemsPerThread = 4;

int64_t round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
int64_t ceil_div(int64_t n, int64_t by) { return (n + by - 1) / by; }

}  // namespace

PanelPath::PanelPath(Isa isa, Precision precision, int threads)
    : isa_(isa), kernels_(panel_kernels(isa, precision == Precision::fast)), workers_(threads) {
  for (Worker& worker : workers_) {
    worker.panel.reserve(kPanelBytes);
    worker.staging.reserve(kPackRows * kStageStride * sizeof(float));
  }
}

void PanelPath::begin(const float* activations, int64_t stride, int64_t columns, int tokens) {
  activations_ = activations;
  stride_ = stride;
  columns_ = columns;
  tokens_ = tokens;
  padded_columns_ = round_up(columns, 32);
  if (converts()) converted_.reserve(tokens * padded_columns_ * 2);
  const int64_t most = kPanelBytes / (kPanelRows * (kernels_.bf16 ? 2 : 4));
  part_ = columns <= most ? columns : round_up(ceil_div(columns, ceil_div(columns, most)), kStageColumns);
}

void PanelPath::convert(int token) {
  kernels_.convert(activations_ + token * stride_, columns_, padded_columns_,
                   converted_.data() + token * padded_columns_ * 2);
}

int PanelPath::tokens_per_item(int64_t blocks) const {
  const int threads = static_cast<int>(workers_.size());
  int tokens = tokens_;
  if (threads > 1 && blocks < kItemsPerThread * threads) {
    const int splits = static_cast<int>(ceil_div(kItemsPerThread * threads, blocks));
    tokens = std::max(static_cast<int>(ceil_div(tokens_, splits)), kMinTokens);
  }
  if (part_ < columns_) tokens = std::min(tokens, kMaxTokensOfParts);
  return static_cast<int>(round_up(tokens, kTileTokens));
}

int64_t PanelPath::plan(std::span<const Product> products) {
  items_.clear();
  if (tokens_ == 0) return 0;
  int64_t blocks = 0;
  for (const Product& product : products) blocks += ceil_div(product.weight->rows, kPanelRows);
  const int per_item = tokens_per_item(blocks);
  for (const Product& product : products) {
    for (int64_t row = 0; row < product.weight->rows; row += kPanelRows) {
      const int rows = static_cast<int>(std::min<int64_t>(kPanelRows, product.weight->rows - row));
      for (int token = 0; token < tokens_; token += per_item) {
        items_.push_back({&product, row, rows, token, std::min(per_item, tokens_ - token)});
      }
    }
  }
  if (part_ < columns_) {
    for (Worker& worker : workers_) worker.partial.reserve(per_item * kPanelRows * sizeof(float));
  }
  return static_cast<int64_t>(items_.size());
}

// Rows and columns of a weight into the worker's panel, by way of a staging block that stays in the L1 cache.
void PanelPath::expand(const Weight& weight, int64_t first_row, int rows, int64_t first_column,
                       int64_t columns, Worker& worker) {
  const WeightType& type = weight_type(weight.type);
  const ExpandRow kernel = expand_row_kernel(isa_, type.format);
  float* staging = reinterpret_cast<float*>(worker.staging.data());
  const int64_t column_bytes = kPanelRows * (kernels_.bf16 ? 2 : 4);
  const int lanes = kernels_.bf16 ? static_cast<int>(round_up(rows, kPackRows)) : kPanelRows;
  for (int lane = 0; lane < lanes; lane += kPackRows) {
    const int present = std::clamp(rows - lane, 0, kPackRows);
    for (int64_t c = 0; c < columns; c += kStageColumns) {
      const int64_t count = std::min(kStageColumns, columns - c);
      for (int r = 0; r < present; ++r) {
        const std::byte* row = weight.data + (first_row + lane + r) * weight.row_bytes;
        float* out = staging + r * kStageStride;
        if (kernel != nullptr) {
          kernel(row, first_column + c, count, out);
        } else {
          type.to_float(row + (first_column + c) / type.block * type.block_bytes, out, count);
        }
        if (count % 2 != 0) out[count] = 0.0f;  // BF16 panels hold pairs of columns
      }
      const int64_t packed = kernels_.bf16 ? round_up(count, 2) : count;
      kernels_.pack(staging, kStageStride, present, packed, lane, worker.panel.data() + c * column_bytes);
    }
  }
}

void PanelPath::run(int64_t index, int worker_index) {
  const Item& item = items_[index];
  const Product& product = *item.product;
  Worker& worker = workers_[worker_index];
  const int64_t element = kernels_.bf16 ? 2 : 4;
  const std::byte* activations =
      kernels_.bf16 ? converted_.data() : reinterpret_cast<const std::byte*>(activations_);
  PanelCall call{};
  call.activation_stride = kernels_.bf16 ? padded_columns_ : stride_;
  call.tokens = item.tokens;
  call.panel = worker.panel.data();
  call.rows = item.rows;
  call.partial = reinterpret_cast<float*>(worker.partial.data());
  call.bias = product.bias != nullptr ? product.bias + item.first_row : nullptr;
  call.output = product.output + item.first_token * product.output_stride + item.first_row;
  call.output_stride = product.output_stride;
  call.accumulate = product.accumulate;
  for (int64_t column = 0; column < columns_; column += part_) {
    const int64_t columns = std::min(part_, columns_ - column);
    expand(*product.weight, item.first_row, item.rows, column, columns, worker);
    call.activations = activations + (item.first_token * call.activation_stride + column) * element;
    call.columns = kernels_.bf16 ? round_up(columns, 2) : columns;
    call.first = column == 0;
    call.last = column + columns == columns_;
    kernels_.multiply(call);
  }
}

}  // namespace kvcompress
