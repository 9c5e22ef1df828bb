// An architecture driven the plain way: one sequence, keys and values kept whole, attention in double
// precision.
#pragma once

#include <algorithm>  // std::max
#include <cmath>      // std::exp
#include <span>       // std::span
#include <vector>     // std::vector

#include "model/architecture.h"  // Architecture

namespace kvcompress::test {

class PlainModel {
 public:
  explicit PlainModel(Architecture& architecture)
      : architecture_(architecture),
        config_(architecture.config()),
        keys_(static_cast<size_t>(config_.layers)),
        values_(static_cast<size_t>(config_.layers)) {}

  // The next tokens of the text, as one chunk of prefill or as decoding; logits [tokens][vocabulary].
  std::vector<float> step(std::span<const int32_t> tokens, bool prefill) {
    const size_t count = tokens.size();
    std::vector<int32_t> positions(count);
    for (size_t i = 0; i < count; ++i) positions[i] = seen_ + static_cast<int32_t>(i);
    const int rows_count = static_cast<int>(count);
    const Rows rows{prefill ? rows_count : 0, prefill ? 0 : rows_count, tokens, positions};
    const size_t query_width = width(config_.query_heads);
    const size_t kv_width = width(config_.kv_heads);
    std::vector<float> x(count * static_cast<size_t>(config_.hidden));
    std::vector<float> queries(count * query_width), keys(count * kv_width), values(count * kv_width);
    std::vector<float> attended(count * query_width);
    architecture_.embed(rows, x.data());
    for (int layer = 0; layer < config_.layers; ++layer) {
      architecture_.pre(layer, rows, x.data(), {queries.data(), keys.data(), values.data()});
      auto& past_keys = keys_[static_cast<size_t>(layer)];
      auto& past_values = values_[static_cast<size_t>(layer)];
      past_keys.insert(past_keys.end(), keys.begin(), keys.end());
      past_values.insert(past_values.end(), values.begin(), values.end());
      for (size_t row = 0; row < count; ++row) {
        for (int head = 0; head < config_.query_heads; ++head) {
          const size_t at = row * query_width + width(head);
          attend(layer, positions[row], head, &queries[at], &attended[at]);
        }
      }
      architecture_.post(layer, rows, attended.data(), x.data());
    }
    seen_ += rows_count;
    std::vector<float> logits(count * static_cast<size_t>(config_.vocabulary));
    architecture_.head(rows, x.data(), logits.data());
    return logits;
  }

 private:
  size_t width(int heads) const { return static_cast<size_t>(heads) * static_cast<size_t>(config_.head_dim); }

  void attend(int layer, int32_t position, int head, const float* query, float* out) const {
    const int32_t window = config_.sliding_window[static_cast<size_t>(layer)];
    const int32_t first = window > 0 ? std::max(0, position - window + 1) : 0;
    const size_t dim = width(1);
    const size_t offset = width(head / (config_.query_heads / config_.kv_heads));
    const auto row = [&](const std::vector<std::vector<float>>& stored, int32_t p) {
      return &stored[static_cast<size_t>(layer)][static_cast<size_t>(p) * width(config_.kv_heads) + offset];
    };
    std::vector<double> weights;
    for (int32_t p = first; p <= position; ++p) {
      double dot = 0.0;
      for (size_t c = 0; c < dim; ++c) dot += double{query[c]} * double{row(keys_, p)[c]};
      weights.push_back(dot * double{config_.attention_scale});
    }
    const double most = *std::max_element(weights.begin(), weights.end());
    double sum = 0.0;
    for (double& weight : weights) sum += weight = std::exp(weight - most);
    for (size_t c = 0; c < dim; ++c) {
      double mean = 0.0;
      for (int32_t p = first; p <= position; ++p) {
        mean += weights[static_cast<size_t>(p - first)] * double{row(values_, p)[c]};
      }
      out[c] = static_cast<float>(mean / sum);
    }
  }

  Architecture& architecture_;
  const ModelConfig& config_;
  std::vector<std::vector<float>> keys_, values_;  // [layers][tokens * kv_heads * head_dim]
  int32_t seen_ = 0;
};

}  // namespace kvcompress::test
