#include "base/random.h"

#include <cmath>    // std::log, std::sqrt, std::cos
#include <numbers>  // std::numbers::pi

namespace kvcompress {
namespace {

struct Wide {
  uint32_t high, low;
};

Wide multiply(uint32_t a, uint32_t b) {
  const uint64_t product = uint64_t{a} * b;
  return {static_cast<uint32_t>(product >> 32), static_cast<uint32_t>(product)};
}

uint32_t low_half(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t high_half(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

std::array<uint32_t, 4> philox4x32(std::array<uint32_t, 4> counter, std::array<uint32_t, 2> key) {
  constexpr int kRounds = 10;
  for (int round = 0; round < kRounds; ++round) {
    const Wide a = multiply(0xD2511F53u, counter[0]);
    const Wide b = multiply(0xCD9E8D57u, counter[2]);
    counter = {b.high ^ counter[1] ^ key[0], b.low, a.high ^ counter[3] ^ key[1], a.low};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

uint32_t Random::bits() {
  if (left_ == 0) {
    words_ = philox4x32({low_half(block_), high_half(block_), low_half(stream_), high_half(stream_)},
                        {low_half(seed_), high_half(seed_)});
    ++block_;
    left_ = 4;
  }
  return words_[4 - left_--];
}

uint64_t Random::bits64() {
  const uint64_t low = bits();
  return low | uint64_t{bits()} << 32;
}

double Random::uniform() { return static_cast<double>(bits64() >> 11) * 0x1p-53; }

uint64_t Random::below(uint64_t bound) {
  // Values under 2^64 mod bound would make the small results more likely, so they are drawn again.
  const uint64_t skip = (0 - bound) % bound;
  for (;;) {
    const uint64_t value = bits64();
    if (value >= skip) return value % bound;
  }
}

double Random::normal() {
  // Box-Muller; 1 - uniform() is in (0, 1], so the logarithm is finite. One of the pair is enough: a
  // stateless pairing keeps every draw a function of the counter alone.
  const double radius = std::sqrt(-2 * std::log(1 - uniform()));
  return radius * std::cos(2 * std::numbers::pi * uniform());
}

void Random::fill_normal(std::span<float> out, float scale) {
  for (float& value : out) value = scale * static_cast<float>(normal());
}

void Random::fill_uniform(std::span<float> out, float low, float high) {
  for (float& value : out) value = low + (high - low) * static_cast<float>(uniform());
}

}  // namespace kvcompress
