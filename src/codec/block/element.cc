#include "codec/block/element.h"

#include <algorithm>  // std::min, std::max
#include <array>      // std::array
#include <bit>        // std::bit_cast
#include <cmath>      // std::abs, std::copysign, std::ldexp

namespace kvcompress {
namespace {

using Kind = BlockSettings::Element;

constexpr int kMostAtOnce = 256;  // numbers

constexpr int exponent_bias(int exponent_bits) { return (1 << (exponent_bits - 1)) - 1; }

float float_of(int code, int exponent_bits, int mantissa_bits) {
  const int mantissa = code & ((1 << mantissa_bits) - 1);
  const int exponent = (code >> mantissa_bits) & ((1 << exponent_bits) - 1);
  const int whole = exponent == 0 ? mantissa : mantissa + (1 << mantissa_bits);
  const int scale = std::max(exponent, 1) - exponent_bias(exponent_bits) - mantissa_bits;
  const float magnitude = std::ldexp(static_cast<float>(whole), scale);
  return (code >> (exponent_bits + mantissa_bits) & 1) != 0 ? -magnitude : magnitude;
}

void finish_lookup(Element& element) {
  for (int i = 0; i < 64 && element.bits <= 4; ++i) {
    element.lookup[i] = static_cast<int8_t>(element.steps[i % (1 << element.bits)]);
  }
}

Element make_integer(Kind kind, std::string_view name, int bits) {
  Element element{.kind = kind, .family = Element::Family::integer, .name = name, .bits = bits, .unit = 1};
  for (int code = 0; code < 256; ++code) {
    element.steps[code] = static_cast<float>(bits == 8 ? static_cast<int8_t>(code) : code % 16 - 8);
  }
  finish_lookup(element);
  return element;
}

Element make_float(Kind kind, std::string_view name, int exponent_bits, int mantissa_bits, int greatest) {
  Element element{.kind = kind,
                  .family = Element::Family::floating,
                  .name = name,
                  .bits = 1 + exponent_bits + mantissa_bits,
                  .unit = exponent_bits == 2 ? 0.5f : 1.0f};
  for (int code = 0; code < 256; ++code) {
    element.steps[code] = float_of(code, exponent_bits, mantissa_bits) / element.unit;
  }
  element.greatest = element.steps[greatest] * element.unit;
  element.limit = element.greatest + (element.greatest - element.steps[greatest - 1] * element.unit) / 2;
  finish_lookup(element);
  return element;
}

// upper: the levels above 0, ascending, in units.
template <size_t kHalf>
Element make_normal(Kind kind, std::string_view name, int bits, float unit, const int (&upper)[kHalf]) {
  Element element{.kind = kind, .family = Element::Family::normal, .name = name, .bits = bits, .unit = unit};
  for (size_t code = 0; code < 256; ++code) {
    const size_t level = code % (2 * kHalf);
    element.steps[code] =
        static_cast<float>(level < kHalf ? -upper[kHalf - 1 - level] : upper[level - kHalf]);
  }
  finish_lookup(element);
  return element;
}

// The loops below are written so that a compiler turns them into vectors: what they need of the element is
// read before, because a store of bytes might change anything.

// ggml's own rounding: half away from 0 in 8 bits, half up in 4.
void integer_codes(int bits, const float* x, int count, float factor, uint8_t* codes) {
  for (int i = 0; i < count && bits == 8; ++i) {
    // The float before 0.5, because 0.5 would take the one before a half across.
    const float number = x[i] * factor;
    codes[i] = static_cast<uint8_t>(static_cast<int>(number + std::copysign(0.49999997f, number)));
  }
  for (int i = 0; i < count && bits == 4; ++i) {
    codes[i] = static_cast<uint8_t>(std::min(15, static_cast<int>(x[i] * factor + 8.5f)));
  }
}

template <int kExponent, int kMantissa>
void float_codes(float greatest, const float* x, int count, float factor, uint8_t* codes) {
  constexpr int kBias = exponent_bias(kExponent);
  for (int i = 0; i < count; ++i) {
    const float number = x[i] * factor;
    const uint32_t sign = std::bit_cast<uint32_t>(number) >> 31;
    const float magnitude = std::min(std::abs(number), greatest);
    // The spacing of codes is a power of two: numbers are counted in it, to nearest even, by adding 1.5 *
    // 2^23.
    const int exponent =
        std::max(static_cast<int>(std::bit_cast<uint32_t>(magnitude) >> 23) - 127, 1 - kBias);
    const float per_spacing = std::bit_cast<float>(static_cast<uint32_t>(127 + kMantissa - exponent) << 23);
    const uint32_t steps = std::bit_cast<uint32_t>(magnitude * per_spacing + 0x1.8p23f) & 0x3FFFFFu;
    const uint32_t code = (static_cast<uint32_t>(exponent + kBias - 1) << kMantissa) + steps;
    codes[i] = static_cast<uint8_t>(code | sign << (kExponent + kMantissa));
  }
}

// The number of limits between levels that are below.
void normal_codes(const Element& element, const float* x, int count, float factor, uint8_t* codes) {
  int below[kMostAtOnce] = {};
  for (int level = 0; level + 1 < 1 << element.bits; ++level) {
    const float limit = (element.steps[level] + element.steps[level + 1]) / 2 * element.unit;
    for (int i = 0; i < count; ++i) below[i] += x[i] * factor > limit ? 1 : 0;
  }
  for (int i = 0; i < count; ++i) codes[i] = static_cast<uint8_t>(below[i]);
}

}  // namespace

const Element& element_of(Kind kind) {
  static const std::array<Element, 8> elements{
      make_integer(Kind::int8, "q8_0", 8),
      make_integer(Kind::int4, "q4_0", 4),
      make_float(Kind::e4m3, "e4m3", 4, 3, 0x7E),
      make_float(Kind::e5m2, "e5m2", 5, 2, 0x7B),
      make_float(Kind::e2m1, "e2m1", 2, 1, 7),
      make_normal(Kind::normal_2, "2-bit codebook", 2, 0.0137310691f, {33, 110}),
      make_normal(Kind::normal_3, "3-bit codebook", 3, 0.0188955934f, {13, 40, 71, 114}),
      make_normal(Kind::normal_4, "4-bit codebook", 4, 0.0262223499f, {5, 15, 25, 36, 48, 62, 79, 104})};
  return elements[static_cast<size_t>(kind)];
}

void codes_of(const Element& element, const float* x, int count, float factor, uint8_t* codes) {
  for (; count > kMostAtOnce; count -= kMostAtOnce, x += kMostAtOnce, codes += kMostAtOnce) {
    codes_of(element, x, kMostAtOnce, factor, codes);
  }
  switch (element.kind) {
    case Kind::int8:
    case Kind::int4:
      return integer_codes(element.bits, x, count, factor, codes);
    case Kind::e4m3:
      return float_codes<4, 3>(element.greatest, x, count, factor, codes);
    case Kind::e5m2:
      return float_codes<5, 2>(element.greatest, x, count, factor, codes);
    case Kind::e2m1:
      return float_codes<2, 1>(element.greatest, x, count, factor, codes);
    default:
      return normal_codes(element, x, count, factor, codes);
  }
}

uint8_t code_of(const Element& element, float x) {
  uint8_t code = 0;
  codes_of(element, &x, 1, 1, &code);
  return code;
}

}  // namespace kvcompress
