#include "eval/report/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>   // std::exp
#include <vector>  // std::vector

#include "base/random.h"  // Random

namespace kvcompress {
namespace {

double identity(double mean) { return mean; }
double exponential(double mean) { return std::exp(mean); }

std::vector<double> normal_samples(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<double> values;
  for (size_t i = 0; i < count; i++) values.push_back(random.normal());
  return values;
}

TEST(Bootstrap, TheIntervalOfAMeanIsTwoStandardErrorsWide) {
  const std::vector<double> values = normal_samples(400, 3);
  const Interval interval = Bootstrap(values.size()).mean(values, identity);
  EXPECT_NEAR(interval.high - interval.low, 2 * 1.96 / 20, 0.03);
  EXPECT_LT(interval.low, interval.mean);
  EXPECT_GT(interval.high, interval.mean);
}

// Of 200 sets of samples whose true mean is 0, about 190 intervals must hold it.
TEST(Bootstrap, CoversTheTruth) {
  const Bootstrap bootstrap(60, 400);
  int covered = 0;
  for (uint64_t set = 0; set < 200; set++) {
    const Interval interval = bootstrap.mean(normal_samples(60, 100 + set), identity);
    covered += interval.low <= 0 && interval.high >= 0;
  }
  EXPECT_GE(covered, 178);
  EXPECT_LE(covered, 199);
}

// The samples differ much and the two sides little: only the pairing shows it.
TEST(Bootstrap, PairsTheSamples) {
  std::vector<double> a = normal_samples(50, 7), b = a;
  for (size_t i = 0; i < a.size(); i++) b[i] += 0.1 + 0.01 * static_cast<double>(i % 3);
  const Interval difference = Bootstrap(a.size()).difference(b, a, identity);
  EXPECT_GT(difference.low, 0.1);
  EXPECT_LT(difference.high, 0.12);
}

TEST(Bootstrap, TheSameSeedGivesTheSameInterval) {
  const std::vector<double> values = normal_samples(30, 9);
  const Interval first = Bootstrap(30, 500, 5).mean(values, identity),
                 second = Bootstrap(30, 500, 5).mean(values, identity);
  EXPECT_EQ(first.low, second.low);
  EXPECT_EQ(first.high, second.high);
  EXPECT_NE(Bootstrap(30, 500, 6).mean(values, identity).low, first.low);
}

TEST(Bootstrap, TransformsTheMeanNotTheSamples) {
  const std::vector<double> values = {0, 2};
  const Interval interval = Bootstrap(2).mean(values, exponential);
  EXPECT_DOUBLE_EQ(interval.mean, std::exp(1.0));
  EXPECT_DOUBLE_EQ(interval.low, 1);
  EXPECT_DOUBLE_EQ(interval.high, std::exp(2.0));
}

TEST(Bootstrap, OneSampleHasNoBounds) {
  EXPECT_FALSE(Bootstrap(1).mean(std::vector<double>{4}, identity).has_bounds());
}

}  // namespace
}  // namespace kvcompress
