#pragma once

#include <span>

namespace kvcompress {

// Of no values all of these are NaN: there is no figure, and it must not pass for 0.
double mean(std::span<const double> values);
double median(std::span<const double> values);
// `percent` in [0, 100]; between two values, the point on the line between them.
double percentile(std::span<const double> values, double percent);

}  // namespace kvcompress
