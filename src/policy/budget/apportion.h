// Shares a whole number among parts so that the sum is exact.
#pragma once

#include <cstdint>  // int64_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace kvcompress {

// Each part gets total * weight / sum of weights, but between its floor and its cap; what that frees or takes
// goes to or from the others by weight (water-filling), fractions by largest remainder, ties to the lower
// index. The sum is total whenever sum of floors <= total <= sum of caps, and the nearer of the two sums
// otherwise. weights > 0 and finite; 0 <= floors <= caps; all [parts].
std::vector<int64_t> apportion(int64_t total, std::span<const double> weights,
                               std::span<const int64_t> floors, std::span<const int64_t> caps);

}  // namespace kvcompress
