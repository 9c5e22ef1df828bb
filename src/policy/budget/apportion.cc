#include "policy/budget/apportion.h"

#include <algorithm>  // std::clamp, std::sort
#include <cmath>      // std::floor
#include <numeric>    // std::accumulate, std::iota

namespace kvcompress {
namespace {

// What every part would get at the water level, unrounded.
std::vector<double> at_level(double level, std::span<const double> weights, std::span<const int64_t> floors,
                             std::span<const int64_t> caps) {
  std::vector<double> shares(weights.size());
  for (size_t i = 0; i < weights.size(); ++i) {
    shares[i] = std::clamp(level * weights[i], static_cast<double>(floors[i]), static_cast<double>(caps[i]));
  }
  return shares;
}

double sum_of(const std::vector<double>& shares) {
  return std::accumulate(shares.begin(), shares.end(), 0.0);
}

// The level at which the shares sum to the total: they grow with it, so it is found by halving.
double find_level(double total, std::span<const double> weights, std::span<const int64_t> floors,
                  std::span<const int64_t> caps) {
  // Where no floor and no cap binds, which is the common case, it is simply the share of a unit weight.
  const double plain = total / std::accumulate(weights.begin(), weights.end(), 0.0);
  const auto bound = [&](size_t i) { return plain * weights[i] < floors[i] || plain * weights[i] > caps[i]; };
  size_t free = 0;
  while (free < weights.size() && !bound(free)) ++free;
  if (free == weights.size()) return plain;

  double low = 0, high = 1;
  const double most = sum_of(at_level(1e300, weights, floors, caps));
  while (sum_of(at_level(high, weights, floors, caps)) < std::min(total, most)) high *= 2;
  for (int i = 0; i < 200 && high - low > 1e-15 * high; ++i) {
    const double middle = (low + high) / 2;
    (sum_of(at_level(middle, weights, floors, caps)) < total ? low : high) = middle;
  }
  return high;
}

}  // namespace

std::vector<int64_t> apportion(int64_t total, std::span<const double> weights,
                               std::span<const int64_t> floors, std::span<const int64_t> caps) {
  const int64_t least = std::accumulate(floors.begin(), floors.end(), int64_t{0});
  const int64_t most = std::accumulate(caps.begin(), caps.end(), int64_t{0});
  total = std::clamp(total, least, std::max(least, most));
  const std::vector<double> shares =
      at_level(find_level(static_cast<double>(total), weights, floors, caps), weights, floors, caps);

  std::vector<int64_t> parts(weights.size());
  for (size_t i = 0; i < parts.size(); ++i) {
    // A hair above, so that 7.9999999 from the halving counts as 8.
    parts[i] =
        std::clamp(static_cast<int64_t>(std::floor(shares[i] * (1 + 1e-12) + 1e-9)), floors[i], caps[i]);
  }
  std::vector<size_t> order(parts.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto remainder = [&](size_t i) {
    return std::round((shares[i] - static_cast<double>(parts[i])) * 1e6);
  };
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return remainder(a) > remainder(b); });

  int64_t left = total - std::accumulate(parts.begin(), parts.end(), int64_t{0});
  while (left > 0) {
    for (const size_t i : order) {
      if (left > 0 && parts[i] < caps[i]) ++parts[i], --left;
    }
  }
  while (left < 0) {
    for (auto i = order.rbegin(); i != order.rend(); ++i) {
      if (left < 0 && parts[*i] > floors[*i]) --parts[*i], ++left;
    }
  }
  return parts;
}

}  // namespace kvcompress
