#include "base/statistics.h"

#include <algorithm>  // std::sort, std::clamp
#include <cmath>      // std::floor
#include <limits>     // std::numeric_limits
#include <numeric>    // std::accumulate
#include <vector>

namespace kvcompress {

double mean(std::span<const double> values) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double median(std::span<const double> values) { return percentile(values, 50); }

double percentile(std::span<const double> values, double percent) {
  if (values.empty()) return std::numeric_limits<double>::quiet_NaN();
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::clamp(percent, 0.0, 100.0) / 100 * static_cast<double>(sorted.size() - 1);
  const size_t below = static_cast<size_t>(std::floor(rank));
  const size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = rank - static_cast<double>(below);
  // Not a + share * (b - a): that is NaN for two equal infinities.
  return share == 0 ? sorted[below] : (1 - share) * sorted[below] + share * sorted[above];
}

}  // namespace kvcompress
