#include <algorithm>  // std::max
#include <cmath>      // std::sqrt

#include "policy/registry.h"       // KVC_ANSWER
#include "policy/score_policy.h"   // ScorePolicy
#include "policy/scoring/check.h"  // expect_count
#include "policy/scoring/lanes.h"  // dot

namespace kvcompress {
namespace {

// A key is worth the more, the further its direction is from the mean direction of all keys of the head.
class KeyDifference final : public ScorePolicy {
 public:
  ScoreNeeds needs() const override { return {.keys = true}; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    expect_count("key_difference", "numbers of keys", out.size() * input.head_dim, input.keys.size());
    const int size = input.head_dim;
    const auto slots = static_cast<int>(out.size());
    std::vector<float> inverse(out.size());
    for (int slot = 0; slot < slots; ++slot) {
      const float* key = input.keys.data() + static_cast<size_t>(slot) * size;
      inverse[slot] = 1 / std::max(std::sqrt(dot(key, key, size)), kLeastNorm);
    }
    const std::vector<float> anchor = mean_direction(input, inverse);
    const float scale = 1 / std::max(std::sqrt(dot(anchor.data(), anchor.data(), size)), kLeastNorm);
    for (int slot = 0; slot < slots; ++slot) {
      const float* key = input.keys.data() + static_cast<size_t>(slot) * size;
      out[slot] = -dot(key, anchor.data(), size) * inverse[slot] * scale;
    }
  }

 private:
  static constexpr float kLeastNorm = 1e-12f;  // a key of zeros has no direction: its score is 0

  static std::vector<float> mean_direction(const ScoreInput& input, const std::vector<float>& inverse) {
    constexpr size_t kBlock = 64;  // slots summed in float before they go to the double sum
    const auto size = static_cast<size_t>(input.head_dim);
    std::vector<double> sums(size);
    std::vector<float> part(size);
    for (size_t first = 0; first < inverse.size(); first += kBlock) {
      std::fill(part.begin(), part.end(), 0.0f);
      for (size_t slot = first; slot < std::min(first + kBlock, inverse.size()); ++slot) {
        const float* key = input.keys.data() + slot * size;
        for (size_t j = 0; j < size; ++j) part[j] += key[j] * inverse[slot];
      }
      for (size_t j = 0; j < size; ++j) sums[j] += part[j];
    }
    std::vector<float> mean(size);
    for (size_t j = 0; j < size; ++j) {
      mean[j] = static_cast<float>(sums[j] / static_cast<double>(std::max<size_t>(1, inverse.size())));
    }
    return mean;
  }
};

}  // namespace

KVC_ANSWER(score, key_difference, KeyDifference, "keys that point away from the mean key are worth most",
           "arXiv:2504.15364 (KeyDiff) section 3; KeyDiffPress in kvpress")

}  // namespace kvcompress
