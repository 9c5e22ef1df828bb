// The kinds of number that a block form holds. A number is  scale * unit * step[code]: every kind is a table
// of steps, and a rule that turns numbers of about -greatest to greatest into codes. Steps of kinds with 4
// bits or less are integers of 8 bits, so that a kernel looks up 16 or more of them at once.
//
//   int8, int4            -127 .. 127 and -8 .. 7, as ggml's q8_0 and q4_0
//   e4m3, e5m2, e2m1      floats as OCP defines them, rounded to nearest, ties to even; magnitudes up to 448,
//                         57344 and 6. No code for infinity or NaN is ever written.
//   normal_2 .. normal_4  the 4, 8 or 16 levels with the least mean square error for N(0, 1) (Lloyd and Max),
//                         as multiples of a unit; that rounding adds less than 0.1 % to the error
#pragma once

#include <cstdint>  // int8_t, uint8_t
#include <string_view>

#include "policy/store_policy.h"  // BlockSettings

namespace kvcompress {

struct Element {
  enum class Family : uint8_t { integer, floating, normal };
  BlockSettings::Element kind;
  Family family;
  std::string_view name;
  int bits;
  float unit;
  // Floating: the greatest magnitude, and the greatest that is rounded to it by no more than half a step.
  float greatest = 0, limit = 0;
  float steps[256] = {};               // of every code
  alignas(64) int8_t lookup[64] = {};  // steps of 16 codes, four times; bits <= 4
};

// Lives for ever.
const Element& element_of(BlockSettings::Element kind);

// The codes of numbers x[i] * factor = step * unit, which are saturated where they are greater than all.
void codes_of(const Element& element, const float* x, int count, float factor, uint8_t* codes);
uint8_t code_of(const Element& element, float x);

}  // namespace kvcompress
