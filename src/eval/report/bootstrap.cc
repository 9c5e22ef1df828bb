#include "eval/report/bootstrap.h"

#include <cmath>   // std::isnan
#include <limits>  // std::numeric_limits

#include "base/random.h"      // Random
#include "base/statistics.h"  // mean, percentile

namespace kvcompress {
namespace {

Interval with_bounds(double value, const std::vector<double>& draws, size_t samples) {
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  if (samples < 2) return {value, kNone, kNone};
  return {value, percentile(draws, 2.5), percentile(draws, 97.5)};
}

}  // namespace

bool Interval::has_bounds() const { return !std::isnan(low); }

Bootstrap::Bootstrap(size_t samples, int resamples, uint64_t seed)
    : samples_(samples), resamples_(static_cast<size_t>(resamples)) {
  Random random(seed, samples);
  chosen_.reserve(samples_ * resamples_);
  for (size_t i = 0; i < samples_ * resamples_; i++) {
    chosen_.push_back(static_cast<uint32_t>(random.below(samples_)));
  }
}

double Bootstrap::draw(std::span<const double> values, size_t r) const {
  double sum = 0;
  for (size_t i = 0; i < samples_; i++) sum += values[chosen_[r * samples_ + i]];
  return sum / static_cast<double>(samples_);
}

Interval Bootstrap::mean(std::span<const double> values, Transform transform) const {
  std::vector<double> draws;
  for (size_t r = 0; r < resamples_; r++) draws.push_back(transform(draw(values, r)));
  return with_bounds(transform(kvcompress::mean(values)), draws, samples_);
}

Interval Bootstrap::difference(std::span<const double> a, std::span<const double> b,
                               Transform transform) const {
  std::vector<double> draws;
  for (size_t r = 0; r < resamples_; r++) draws.push_back(transform(draw(a, r)) - transform(draw(b, r)));
  return with_bounds(transform(kvcompress::mean(a)) - transform(kvcompress::mean(b)), draws, samples_);
}

}  // namespace kvcompress
