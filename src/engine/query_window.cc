#include "engine/query_window.h"

#include <algorithm>  // std::copy_n
#include <cstring>    // std::memmove

#include "base/archive.h"  // Archive

namespace kvcompress {

namespace {

// Shifts a row buffer of `capacity` rows so that `incoming` rows fit behind the `kept` newest of the `held`
// ones.
void make_room(float* rows, int64_t row_size, int held, int kept) {
  if (kept < held) {
    std::memmove(rows, rows + (held - kept) * row_size, sizeof(float) * static_cast<size_t>(kept * row_size));
  }
}

}  // namespace

QueryWindow::QueryWindow(int capacity, int layers, int kv_heads, int group, int head_dim)
    : capacity_(capacity), kv_heads_(kv_heads), group_(group), head_dim_(head_dim) {
  const size_t rows = static_cast<size_t>(layers) * kv_heads * capacity * group;
  queries_.resize(rows * head_dim);
  log_sum_exp_.resize(rows);
}

void QueryWindow::push(int layer, int rows, const float* queries, int64_t stride, const float* log_sum_exp) {
  const int taken = std::min(rows, capacity_);
  const int kept = std::min(filled_, capacity_ - taken);
  const int64_t width = query_stride();
  for (int head = 0; head < kv_heads_; ++head) {
    const int64_t base = (static_cast<int64_t>(layer) * kv_heads_ + head) * capacity_;
    float* q = queries_.data() + base * width;
    float* lse = log_sum_exp_.data() + base * group_;
    make_room(q, width, filled_, kept);
    make_room(lse, group_, filled_, kept);
    for (int i = 0; i < taken; ++i) {
      const int row = rows - taken + i;
      std::copy_n(queries + row * stride + head * width, width, q + (kept + i) * width);
      std::copy_n(log_sum_exp + (static_cast<int64_t>(head) * rows + row) * group_, group_,
                  lse + (kept + i) * group_);
    }
  }
}

void QueryWindow::advance(std::span<const int32_t> positions) {
  positions_.insert(positions_.end(), positions.begin(), positions.end());
  const auto surplus = static_cast<int64_t>(positions_.size()) - capacity_;
  if (surplus > 0) positions_.erase(positions_.begin(), positions_.begin() + surplus);
  filled_ = static_cast<int>(positions_.size());
}

void QueryWindow::archive(Archive& archive, int layers, int kv_heads, int group, int head_dim) {
  auto& [capacity, filled, own_kv_heads, own_group, own_head_dim, positions, queries, log_sum_exp] = *this;
  archive.field(capacity);
  archive.field(positions);
  archive.field(queries);
  archive.field(log_sum_exp);
  if (!archive.reading()) return;
  archive.require(capacity >= 0 && positions.size() <= static_cast<size_t>(capacity),
                  "a window of queries with room for those in it");
  const uint64_t rows = uint64_t{1} * layers * kv_heads * group * capacity;
  archive.require(log_sum_exp.size() == rows && queries.size() == rows * head_dim,
                  "queries of all layers and heads of the model");
  if (capacity == 0) return;
  filled = static_cast<int>(positions.size());
  own_kv_heads = kv_heads;
  own_group = group;
  own_head_dim = head_dim;
}

const float* QueryWindow::queries(int layer, int kv_head, int count) const {
  const int64_t head = static_cast<int64_t>(layer) * kv_heads_ + kv_head;
  return queries_.data() + (head * capacity_ + filled_ - count) * query_stride();
}

const float* QueryWindow::log_sum_exp(int layer, int kv_head, int count) const {
  const int64_t head = static_cast<int64_t>(layer) * kv_heads_ + kv_head;
  return log_sum_exp_.data() + (head * capacity_ + filled_ - count) * group_;
}

}  // namespace kvcompress
