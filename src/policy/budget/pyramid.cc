#include "policy/budget/pyramid.h"

#include <algorithm>  // std::max
#include <cmath>      // std::floor, std::nearbyint

namespace kvcompress {
namespace {

constexpr double kLeast = 1e-9;  // weights are above 0

// From `first` down to `last` in equal steps.
std::vector<double> falling(int layers, double first, double last) {
  std::vector<double> slots(layers, (first + last) / 2);  // one layer alone has the mean
  for (int layer = 0; layers > 1 && layer < layers; ++layer) {
    slots[layer] = first - layer * (first - last) / (layers - 1);
  }
  return slots;
}

}  // namespace

std::vector<double> pyramid_slots(const PyramidInput& input) {
  const double ranked = input.mean - static_cast<double>(input.window);
  const auto tokens = static_cast<double>(input.tokens);
  if (ranked <= 0 || tokens < 2 * ranked)
    return std::vector<double>(input.layers, std::max(input.mean, kLeast));
  double last = std::floor(ranked / input.steepness);
  double first = 2 * ranked - last;
  if (const double most = tokens - static_cast<double>(input.window); first >= most) {
    first = most;
    last = 2 * ranked - first;
  }
  std::vector<double> slots = falling(input.layers, first, last);
  for (double& count : slots) count = std::max(count + static_cast<double>(input.window), kLeast);
  return slots;
}

std::vector<double> pyramid_slots_of_kvpress(const PyramidInput& input) {
  const double most = static_cast<double>(input.tokens) - static_cast<double>(input.window);
  double last = input.mean / input.steepness;
  double first = 2 * input.mean - last;
  if (first >= most) {
    first = most;
    last = 2 * input.mean - first;
  }
  if (first < last || last < static_cast<double>(input.window)) {
    return std::vector<double>(input.layers, std::max(input.mean, kLeast));
  }
  std::vector<double> slots = falling(input.layers, first, last);
  // To whole numbers, half to even. With a whole mean their sum is that of the plan already.
  for (double& count : slots) count = std::max(std::nearbyint(count), kLeast);
  return slots;
}

}  // namespace kvcompress
