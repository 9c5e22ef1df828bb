#include "compute/late_governor.h"

#include <gtest/gtest.h>

namespace kvcompress {
namespace {

constexpr int64_t kMicro = 1000, kMilli = 1'000'000;

// `count` regions, one every 100 us from `now`; returns the time after them.
int64_t regions(LateGovernor& governor, int count, int64_t now, int64_t waited, int64_t item) {
  for (int i = 0; i < count; ++i) governor.record(now += 100 * kMicro, waited, item);
  return now;
}

TEST(LateGovernor, LeavesPunctualHelpersAlone) {
  LateGovernor governor;
  const int64_t now = regions(governor, 10'000, 0, 140 * kMicro, 30 * kMicro);
  EXPECT_FALSE(governor.alone(now));
  EXPECT_EQ(governor.late_regions(), 0);
}

TEST(LateGovernor, JudgesLatenessByTheLengthOfItems) {
  LateGovernor governor;
  regions(governor, 100, 0, 5 * kMilli, 3 * kMilli);
  EXPECT_EQ(governor.late_regions(), 0);
  regions(governor, 1, 0, 5 * kMilli, kMilli);
  EXPECT_EQ(governor.late_regions(), 1);
}

TEST(LateGovernor, GoesAloneAfterThreeLateRegionsOfSixtyFour) {
  LateGovernor governor;
  int64_t now = regions(governor, 2, 0, kMilli, 0);
  EXPECT_FALSE(governor.alone(now));
  now = regions(governor, 1, now, kMilli, 0);
  EXPECT_TRUE(governor.alone(now + 49 * kMilli));
  EXPECT_FALSE(governor.alone(now + 51 * kMilli));
}

TEST(LateGovernor, ForgivesRareLateness) {
  LateGovernor governor;
  int64_t now = 0;
  for (int i = 0; i < 100; ++i) {
    now = regions(governor, 1, now, kMilli, 0);
    now = regions(governor, 64, now, 0, 0);
    EXPECT_FALSE(governor.alone(now));
  }
  EXPECT_EQ(governor.late_regions(), 100);
}

TEST(LateGovernor, DoublesUpToASecondAndForgetsWhenGood) {
  LateGovernor governor;
  int64_t now = 0;
  for (const int64_t alone : {50, 100, 200, 400, 800, 1000, 1000}) {
    now = regions(governor, 3, now, kMilli, 0);
    EXPECT_TRUE(governor.alone(now + (alone - 1) * kMilli)) << alone;
    EXPECT_FALSE(governor.alone(now + (alone + 1) * kMilli)) << alone;
    now += 2000 * kMilli;
  }
  now = regions(governor, 2000, now, 0, 0);
  now = regions(governor, 3, now, kMilli, 0);
  EXPECT_TRUE(governor.alone(now + 49 * kMilli));
  EXPECT_FALSE(governor.alone(now + 51 * kMilli));
}

}  // namespace
}  // namespace kvcompress
