#include "codec/projected/outliers.h"

#include <algorithm>  // std::nth_element, std::sort, std::clamp
#include <cmath>      // std::abs
#include <cstring>    // std::memset
#include <numeric>    // std::iota
#include <vector>     // std::vector

#include "codec/scalar/layout.h"  // kLineBytes

namespace kvcompress {

size_t outlier_bytes(int count) {
  const size_t bytes = 2 * sizeof(uint16_t) * static_cast<size_t>(count);
  return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes;
}

void keep_outliers(const float* errors, int numbers, int count, std::byte* at) {
  std::memset(at, 0, outlier_bytes(count));
  std::vector<uint16_t> order(static_cast<size_t>(numbers));
  std::iota(order.begin(), order.end(), uint16_t{0});
  const auto larger = [&](uint16_t a, uint16_t b) {
    const float x = std::abs(errors[a]), y = std::abs(errors[b]);
    return x != y ? x > y : a < b;
  };
  if (count < numbers) std::nth_element(order.begin(), order.begin() + count, order.end(), larger);
  std::sort(order.begin(), order.begin() + count);
  auto* out = reinterpret_cast<uint16_t*>(at);
  for (int i = 0; i < count; ++i) {
    out[i] = order[static_cast<size_t>(i)];
    out[count + i] = f16_from_f32(std::clamp(errors[order[static_cast<size_t>(i)]], -kF16Max, kF16Max));
  }
}

}  // namespace kvcompress
