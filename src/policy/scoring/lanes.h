// Sums in sixteen partial sums, so that they vectorise without giving up a fixed order.
#pragma once

namespace kvcompress {

inline constexpr int kLanes = 16;

// Sum of term(i) for i in [0, size).
template <typename Term>
float lane_sum(int size, Term term) {
  float sums[kLanes] = {};
  int i = 0;
  for (; i + kLanes <= size; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) sums[lane] += term(i + lane);
  }
  float sum = 0;
  for (; i < size; ++i) sum += term(i);
  for (const float part : sums) sum += part;
  return sum;
}

inline float dot(const float* a, const float* b, int size) {
  return lane_sum(size, [=](int i) { return a[i] * b[i]; });
}

}  // namespace kvcompress
