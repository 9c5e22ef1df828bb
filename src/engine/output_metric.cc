#include "engine/output_metric.h"

#include "dense/linear.h"  // dequantize_row

namespace kvcompress {

std::vector<float> output_metric(const Architecture& model, int layer, int kv_head) {
  const ModelConfig& config = model.config();
  const Weight& weight = model.attention_output(layer);
  const int width = config.head_dim, group = config.query_heads / config.kv_heads;
  std::vector<float> row(static_cast<size_t>(weight.columns));
  std::vector<float> metric(static_cast<size_t>(width) * width);
  for (int64_t r = 0; r < weight.rows; ++r) {
    dequantize_row(weight, r, row.data());
    for (int g = 0; g < group; ++g) {
      const float* x = row.data() + (int64_t{kv_head} * group + g) * width;
      for (int i = 0; i < width; ++i) {
        for (int j = 0; j < width; ++j) metric[static_cast<size_t>(i) * width + j] += x[i] * x[j];
      }
    }
  }
  return metric;
}

}  // namespace kvcompress
