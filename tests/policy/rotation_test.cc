#include "policy/rotation.h"

#include <gtest/gtest.h>

#include <cmath>   // std::cos, std::sin
#include <vector>  // std::vector

namespace kvcompress {
namespace {

TEST(RotationTest, MeanIsThatOfTheRotationsOneByOne) {
  const double turn = 2 * std::acos(-1.0);
  const std::vector<double> frequencies = {1, 0.37, 1e-3, 1e-7, 1e-14, 0, turn, turn / 2, 3 * turn};
  const Rotation rotation{frequencies, true};
  for (const double first : {0.0, 7.0, 30000.0}) {
    for (const int count : {1, 2, 3, 512, 5000}) {
      std::vector<double> cosines(frequencies.size()), sines(frequencies.size());
      mean_rotation(rotation, first, count, cosines, sines);
      for (size_t pair = 0; pair < frequencies.size(); ++pair) {
        double cosine = 0, sine = 0;
        for (int j = 0; j < count; ++j) {
          cosine += std::cos((first + j) * frequencies[pair]) / count;
          sine += std::sin((first + j) * frequencies[pair]) / count;
        }
        EXPECT_NEAR(cosines[pair], cosine, 1e-9) << frequencies[pair] << " " << first << " " << count;
        EXPECT_NEAR(sines[pair], sine, 1e-9) << frequencies[pair] << " " << first << " " << count;
      }
    }
  }
}

}  // namespace
}  // namespace kvcompress
