// IEEE half precision in plain integer arithmetic: the oracle of the vector conversions, bit for bit.
#pragma once

#include <bit>      // std::bit_cast
#include <cstdint>  // uint16_t

namespace kvcompress {

// The greatest finite half; a float that rounds beyond it becomes infinite.
inline constexpr float kF16Max = 65504.0f;

// Rounds to nearest, ties to even; NaN stays NaN (made quiet, its upper payload bits kept).
constexpr uint16_t f16_from_f32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  uint32_t half = 0;
  if (magnitude > 0x7F800000u) {
    half = 0x7E00u | ((magnitude >> 13) & 0x3FFu);
  } else if (magnitude >= 0x47800000u) {  // 2^16 and infinity
    half = 0x7C00u;
  } else if (magnitude >=
             0x38800000u) {  // normal halves, from 2^-14; a carry may run into the exponent, as it should
    half = (magnitude - 0x38000000u + 0xFFFu + ((magnitude >> 13) & 1u)) >> 13;
  } else if (magnitude >= 0x33000000u) {  // subnormal halves, multiples of 2^-24; half of that and less is 0
    const uint32_t shift = 126 - (magnitude >> 23);
    const uint32_t significand = (magnitude & 0x7FFFFFu) | 0x800000u;
    const uint32_t quotient = significand >> shift;
    const uint32_t rest = significand & ((1u << shift) - 1);
    const uint32_t tie = 1u << (shift - 1);
    half = quotient + ((rest > tie || (rest == tie && (quotient & 1u))) ? 1u : 0u);
  }
  return static_cast<uint16_t>(sign | half);
}

constexpr float f32_from_f16(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1Fu;
  const uint32_t fraction = half & 0x3FFu;
  if (exponent == 0) {
    const float magnitude = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -magnitude : magnitude;
  }
  if (exponent == 31) {
    const uint32_t quiet = fraction != 0 ? 0x400000u : 0u;
    return std::bit_cast<float>(sign | 0x7F800000u | quiet | (fraction << 13));
  }
  return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
}

}  // namespace kvcompress
