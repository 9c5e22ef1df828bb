#include "policy/scoring/unrotated.h"

#include <algorithm>  // std::copy_n
#include <cmath>      // std::cos, std::sin

namespace kvcompress {
namespace {

// Cosines and sines of position * frequency. Positions of neighbouring slots share their upper part, so a
// position costs one complex product for each pair in place of a cosine and a sine.
class Angles {
 public:
  explicit Angles(const Rotation& rotation) : rotation_(rotation) {
    const size_t pairs = rotation.frequencies.size();
    for (std::vector<float>* of : {&high_cos_, &high_sin_, &cosines, &sines}) of->resize(pairs);
    for (int low = 0; low < kLow; ++low) {
      for (const double frequency : rotation.frequencies) {
        low_cos_.push_back(static_cast<float>(std::cos(low * frequency)));
        low_sin_.push_back(static_cast<float>(std::sin(low * frequency)));
      }
    }
  }

  void turn_to(int32_t position) {
    const size_t pairs = cosines.size();
    const int32_t high = position / kLow, low = position % kLow;
    if (high != high_) {
      high_ = high;
      for (size_t pair = 0; pair < pairs; ++pair) {
        const double angle = static_cast<double>(high) * kLow * rotation_.frequencies[pair];
        high_cos_[pair] = static_cast<float>(std::cos(angle));
        high_sin_[pair] = static_cast<float>(std::sin(angle));
      }
    }
    const float* c = low_cos_.data() + static_cast<size_t>(low) * pairs;
    const float* s = low_sin_.data() + static_cast<size_t>(low) * pairs;
    for (size_t pair = 0; pair < pairs; ++pair) {
      cosines[pair] = high_cos_[pair] * c[pair] - high_sin_[pair] * s[pair];
      sines[pair] = high_sin_[pair] * c[pair] + high_cos_[pair] * s[pair];
    }
  }

  std::vector<float> cosines, sines;

 private:
  static constexpr int kLow = 64;
  const Rotation& rotation_;
  std::vector<float> low_cos_, low_sin_;    // [kLow][pairs]
  std::vector<float> high_cos_, high_sin_;  // of high_ * kLow
  int32_t high_ = -1;
};

}  // namespace

std::vector<float> unrotated_keys(const ScoreInput& input, int first, int last, int stride) {
  std::vector<float> out(static_cast<size_t>(last - first) * stride, 0.0f);
  const auto pairs = static_cast<int>(input.rotation.frequencies.size());
  Angles angles(input.rotation);
  for (int slot = first; slot < last; ++slot) {
    const float* key = input.keys.data() + static_cast<size_t>(slot) * input.head_dim;
    float* row = out.data() + static_cast<size_t>(slot - first) * stride;
    std::copy_n(key, input.head_dim, row);
    angles.turn_to(input.positions[slot]);
    const float* c = angles.cosines.data();
    const float* s = angles.sines.data();
    const int apart = input.rotation.halves ? pairs : 1, step = input.rotation.halves ? 1 : 2;
    for (int pair = 0; pair < pairs; ++pair) {
      const float x = key[pair * step], y = key[pair * step + apart];
      row[pair * step] = x * c[pair] + y * s[pair];
      row[pair * step + apart] = y * c[pair] - x * s[pair];
    }
  }
  return out;
}

}  // namespace kvcompress
