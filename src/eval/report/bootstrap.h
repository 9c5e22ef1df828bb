// 95 % intervals by the paired bootstrap: the same samples are drawn again, with replacement, for both sides
// of a difference. Seeded, so that a report is the same each time it is made.
#pragma once

#include <cstdint>     // uint32_t
#include <functional>  // std::function
#include <span>        // std::span
#include <vector>      // std::vector

namespace kvcompress {

struct Interval {
  double mean = 0, low = 0, high = 0;  // low and high are NaN when there are fewer than two samples
  bool has_bounds() const;
};

class Bootstrap {
 public:
  // Of the mean of samples, what the figure is: the identity, or exp for a perplexity.
  using Transform = double (*)(double mean);

  explicit Bootstrap(size_t samples, int resamples = 2000, uint64_t seed = 1);

  Interval mean(std::span<const double> values, Transform transform) const;
  // transform(mean of a) - transform(mean of b), sample by sample of the same text or question.
  Interval difference(std::span<const double> a, std::span<const double> b, Transform transform) const;

 private:
  // resampled mean number r of the values
  double draw(std::span<const double> values, size_t r) const;

  size_t samples_;
  size_t resamples_;
  std::vector<uint32_t> chosen_;  // [resamples][samples]
};

}  // namespace kvcompress
