#include "codec/scalar/encode.h"

#include <algorithm>  // std::clamp
#include <cmath>      // std::abs

#include "base/random.h"  // philox4x32
#include "codec/f16.h"    // f16_from_f32, f32_from_f16, kF16Max

namespace kvcompress {
namespace {

// The greatest half that is not above a number of [-kF16Max, kF16Max].
uint16_t f16_below(float number) {
  const uint16_t half = f16_from_f32(number);
  if (f32_from_f16(half) <= number) return half;
  if ((half & 0x7FFFu) == 0) return 0x8001u;
  return static_cast<uint16_t>((half & 0x8000u) != 0 ? half + 1 : half - 1);
}

// The least half that is not below a number of [0, kF16Max].
uint16_t f16_above(float number) {
  const uint16_t half = f16_from_f32(number);
  return static_cast<uint16_t>(f32_from_f16(half) >= number ? half : half + 1);
}

float reciprocal(float scale) { return scale != 0 ? 1 / scale : 0; }

}  // namespace

void encode_plane(const ScalarKernels& kernels, const Plane& plane, const float* x, const float* dither,
                  std::byte* codes, uint16_t* scales, uint16_t* minima) {
  const size_t count = scale_count(plane);
  static thread_local std::vector<float> buffer;
  buffer.resize(4 * count);
  float *least = buffer.data(), *greatest = least + count, *base = greatest + count, *inverse = base + count;
  kernels.ranges(plane, x, least, greatest);
  for (size_t i = 0; i < count; ++i) {
    const float low = std::clamp(least[i], -kF16Max, kF16Max);
    const float high = std::clamp(greatest[i], -kF16Max, kF16Max);
    if (plane.symmetric) {
      const float extreme = std::abs(low) > std::abs(high) ? low : high;
      const int centre = centre_code(plane.bits), below = extreme > 0 ? centre - 1 : centre;
      scales[i] = f16_above(std::abs(extreme) / static_cast<float>(centre));
      base[i] = -f32_from_f16(scales[i]) * static_cast<float>(below);
      inverse[i] = reciprocal(f32_from_f16(scales[i]));
      if (extreme > 0) scales[i] |= 0x8000u;
    } else {
      minima[i] = f16_below(low);
      base[i] = f32_from_f16(minima[i]);
      scales[i] = f16_above((high - base[i]) / static_cast<float>(greatest_code(plane.bits)));
      inverse[i] = reciprocal(f32_from_f16(scales[i]));
    }
  }
  kernels.pack(plane, x, {base, inverse}, dither, codes);
}

std::vector<float> dither_numbers(uint64_t seed, uint32_t stream, size_t count) {
  std::vector<float> numbers;
  numbers.reserve(count + 8);
  for (uint32_t block = 0; numbers.size() < count; ++block) {
    for (const uint32_t word : philox4x32({block, 0, stream, 0},
                                          {static_cast<uint32_t>(seed), static_cast<uint32_t>(seed >> 32)})) {
      for (const uint32_t half : {word & 0xFFFFu, word >> 16}) {
        numbers.push_back((static_cast<float>(half) + 0.5f) * 0x1p-16f);
      }
    }
  }
  numbers.resize(count);
  return numbers;
}

}  // namespace kvcompress
