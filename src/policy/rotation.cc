#include "policy/rotation.h"

#include <cmath>  // std::cos, std::sin

namespace kvcompress {

void rotate(const Rotation& rotation, double position, std::span<float> head) {
  for (int pair = 0; pair < static_cast<int>(rotation.frequencies.size()); ++pair) {
    const double angle = position * rotation.frequencies[pair];
    const auto cosine = static_cast<float>(std::cos(angle)), sine = static_cast<float>(std::sin(angle));
    float& x = head[rotation.first(pair)];
    float& y = head[rotation.second(pair)];
    const float turned = x * cosine - y * sine;
    y = x * sine + y * cosine;
    x = turned;
  }
}

void mean_rotation(const Rotation& rotation, double first, int count, std::span<double> cosines,
                   std::span<double> sines) {
  for (size_t pair = 0; pair < rotation.frequencies.size(); ++pair) {
    double cosine = 0, sine = 0;
    for (int j = 0; j < count; ++j) {
      const double angle = (first + j) * rotation.frequencies[pair];
      cosine += std::cos(angle);
      sine += std::sin(angle);
    }
    cosines[pair] = cosine / count;
    sines[pair] = sine / count;
  }
}

}  // namespace kvcompress
