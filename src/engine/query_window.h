// The last rotated queries of every layer with the log-sum-exp that attention saw: what window scores
// (SnapKV, arXiv:2404.14469, section 4) are computed from once the last key is in the cache.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace kvcompress {

class Archive;

class QueryWindow {
 public:
  QueryWindow() = default;
  // Keeps the last `capacity` queries; 0 keeps none.
  QueryWindow(int capacity, int layers, int kv_heads, int group, int head_dim);

  int capacity() const { return capacity_; }
  int filled() const { return filled_; }  // queries held of every layer, after advance()

  // The newest queries of one layer. queries: row i, KV head h, head g of its group at
  // [i * stride + (h * group + g) * head_dim]; log_sum_exp: [kv_heads][rows][group].
  void push(int layer, int rows, const float* queries, int64_t stride, const float* log_sum_exp);
  // Once every layer of a step has pushed: the positions of the rows pushed.
  void advance(std::span<const int32_t> positions);

  // The newest `count` of the queries held, oldest first, contiguous. queries: [count][group][head_dim];
  // log_sum_exp: [count][group].
  const float* queries(int layer, int kv_head, int count) const;
  const float* log_sum_exp(int layer, int kv_head, int count) const;
  std::span<const int32_t> positions(int count) const { return std::span(positions_).last(count); }
  int64_t query_stride() const { return static_cast<int64_t>(group_) * head_dim_; }

  // Writes capacity and queries, or reads them; the numbers are those of the constructor.
  void archive(Archive& archive, int layers, int kv_heads, int group, int head_dim);

 private:
  int capacity_ = 0, filled_ = 0;
  int kv_heads_ = 0, group_ = 0, head_dim_ = 0;
  std::vector<int32_t> positions_;  // [filled]
  std::vector<float> queries_;      // [layers][kv_heads][capacity][group][head_dim]
  std::vector<float> log_sum_exp_;  // [layers][kv_heads][capacity][group]
};

}  // namespace kvcompress
