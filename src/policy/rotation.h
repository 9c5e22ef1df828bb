// The rotary embedding of a layer's keys and queries, for policies that need them unrotated or rotated
// elsewhere.
#pragma once

#include <span>  // std::span

namespace kvcompress {

// Pairs of channels turn by position * frequency; channels beyond the pairs stay (partial rotary).
struct Rotation {
  std::span<const double> frequencies;  // [pairs] radians for each position
  bool halves = false;                  // pair i: channels i and i + pairs; else channels 2i and 2i + 1

  int first(int pair) const { return halves ? pair : 2 * pair; }
  int second(int pair) const { return halves ? pair + static_cast<int>(frequencies.size()) : 2 * pair + 1; }
};

// Turns one head by `position`; a negative position turns back.
void rotate(const Rotation& rotation, double position, std::span<float> head);

// The mean of the rotations by first, first + 1, .. first + count - 1: for each pair a scaled rotation, given
// as its cosine and sine parts, [pairs] each.
void mean_rotation(const Rotation& rotation, double first, int count, std::span<double> cosines,
                   std::span<double> sines);

}  // namespace kvcompress
