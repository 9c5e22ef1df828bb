#include "policy/scoring/pooling.h"

#include <algorithm>  // std::max, std::min

namespace kvcompress {

// One pass over the row for each distance, so that the passes vectorise.
std::vector<float> max_pooled(std::span<const float> row, int64_t kernel) {
  std::vector<float> out(row.begin(), row.end());
  const auto size = static_cast<int64_t>(row.size());
  for (int64_t distance = 1; distance <= std::min(kernel / 2, size - 1); ++distance) {
    for (int64_t i = distance; i < size; ++i) out[i] = std::max(out[i], row[i - distance]);
    for (int64_t i = 0; i < size - distance; ++i) out[i] = std::max(out[i], row[i + distance]);
  }
  return out;
}

std::vector<float> average_pooled(std::span<const float> row, int64_t kernel, bool count_padding) {
  std::vector<double> sums(row.begin(), row.end());
  const auto size = static_cast<int64_t>(row.size());
  const int64_t half = kernel / 2;
  for (int64_t distance = 1; distance <= std::min(half, size - 1); ++distance) {
    for (int64_t i = distance; i < size; ++i) sums[i] += row[i - distance];
    for (int64_t i = 0; i < size - distance; ++i) sums[i] += row[i + distance];
  }
  std::vector<float> out(row.size());
  for (int64_t i = 0; i < size; ++i) {
    const int64_t neighbours = std::min(i + half, size - 1) - std::max<int64_t>(i - half, 0) + 1;
    out[i] = static_cast<float>(sums[i] / static_cast<double>(count_padding ? kernel : neighbours));
  }
  return out;
}

}  // namespace kvcompress
