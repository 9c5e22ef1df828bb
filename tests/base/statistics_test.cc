#include "base/statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "base/timer.h"

namespace kvcompress {
namespace {

TEST(Statistics, MedianAndPercentiles) {
  const std::vector<double> values = {4, 1, 3, 2};
  EXPECT_DOUBLE_EQ(mean(values), 2.5);
  EXPECT_DOUBLE_EQ(median(values), 2.5);
  EXPECT_DOUBLE_EQ(percentile(values, 0), 1);
  EXPECT_DOUBLE_EQ(percentile(values, 100), 4);
  EXPECT_DOUBLE_EQ(percentile(values, 95), 3.85);  // as numpy.percentile
  EXPECT_DOUBLE_EQ(percentile(values, -5), 1);
  EXPECT_DOUBLE_EQ(percentile(values, 200), 4);
  const std::vector<double> one = {7};
  EXPECT_DOUBLE_EQ(percentile(one, 95), 7);
}

TEST(Statistics, NothingHasNoFigure) {
  EXPECT_TRUE(std::isnan(mean({})));
  EXPECT_TRUE(std::isnan(median({})));
  EXPECT_TRUE(std::isnan(percentile({}, 95)));
}

TEST(Statistics, InfinitiesStay) {
  const double infinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values = {infinity, infinity, 1};
  EXPECT_EQ(percentile(values, 75), infinity);
}

TEST(Timer, RunsForward) {
  Timer timer;
  const double first = timer.seconds();
  double sum = 0;
  for (int i = 0; i < 100000; ++i) sum += std::sqrt(i);
  EXPECT_GT(sum, 0);
  EXPECT_GE(timer.seconds(), first);
  EXPECT_GE(timer.restart(), first);
  EXPECT_LT(timer.milliseconds(), 10'000);
}

}  // namespace
}  // namespace kvcompress
