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
  // The sum of exp(i angle) over equal steps is that of the middle angle times sin(count step / 2) / sin(step
  // / 2).
  const double middle = first + (count - 1) / 2.0;
  for (size_t pair = 0; pair < rotation.frequencies.size(); ++pair) {
    const double half = rotation.frequencies[pair] / 2, whole = std::sin(half);
    // At a step of whole turns the quotient is 0 / 0, and its limit that of the derivatives.
    const double length = std::abs(whole) < 1e-12 ? std::cos(count * half) / std::cos(half)
                                                  : std::sin(count * half) / (count * whole);
    cosines[pair] = length * std::cos(middle * rotation.frequencies[pair]);
    sines[pair] = length * std::sin(middle * rotation.frequencies[pair]);
  }
}

}  // namespace kvcompress
