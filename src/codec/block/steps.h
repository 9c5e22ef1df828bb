// Codes of a tile as numbers in registers, for *.isa.cc files. Each kind of element is a struct with the bits
// of its codes, quad(): the codes of four depths as bytes that are steps or still codes, and number(): byte j
// of each lane of it as a step.
#pragma once

#include "codec/block/kernels.h"  // BlockView
#include "codec/scalar/codes.h"   // Codes, Tiles, kQuads
#include "compute/simd/bytes.h"   // lookup_bytes, signed_byte, as_float

namespace kvcompress::KVC_ISA {

// A code is an integer.
struct IntegerSteps {
  static constexpr int kBits = 8;
  KVC_INLINE_MEMBER explicit IntegerSteps(const Element&) {}
  KVC_INLINE_MEMBER I32x16 quad(I32x16 codes) const { return codes; }
  KVC_INLINE_MEMBER F32x16 number(I32x16 quad, int j) const { return to_float(signed_byte(quad, j)); }
};

// A code is a place in a table of integers.
template <int kCodeBits>
struct TableSteps {
  static constexpr int kBits = kCodeBits;
  I32x16 table;
  KVC_INLINE_MEMBER explicit TableSteps(const Element& element) : table(load_i32(element.lookup)) {}
  KVC_INLINE_MEMBER I32x16 quad(I32x16 codes) const { return lookup_bytes(table, codes); }
  KVC_INLINE_MEMBER F32x16 number(I32x16 quad, int j) const { return to_float(signed_byte(quad, j)); }
};

// A code is a float of 8 bits: its bits are moved to where a float32 has them, and a power of two makes up
// for the other bias of the exponent, for subnormal numbers too.
template <int kMantissa>
struct FloatSteps {
  static constexpr int kBits = 8;
  static constexpr float kBias = kMantissa == 3 ? 0x1p120f : 0x1p112f;
  KVC_INLINE_MEMBER explicit FloatSteps(const Element&) {}
  KVC_INLINE_MEMBER I32x16 quad(I32x16 codes) const { return codes; }
  KVC_INLINE_MEMBER F32x16 number(I32x16 quad, int j) const {
    const I32x16 top = shift_left(quad, 24 - 8 * j);
    const I32x16 sign = bit_and(top, broadcast_i32(INT32_MIN));
    const I32x16 rest = shift_right(bit_and(top, broadcast_i32(0x7F000000)), kMantissa + 1);
    return mul(as_float(bit_or(sign, rest)), broadcast(kBias));
  }
};

// Scales times unit of slots 16 * j .. 16 * j + 15 for a block of channels.
KVC_INLINE F32x16 scales_at(const BlockView& view, int run, int j) {
  const BlockSettings::Scale kind = view.plane->scale;
  const std::byte* line = view.scales + run * kPageSlots * scale_width(kind);
  F32x16 scale;
  if (kind == BlockSettings::Scale::f16) {
    scale = load_f16(reinterpret_cast<const uint16_t*>(line) + j * kTile);
  } else if (kind == BlockSettings::Scale::e4m3) {
    scale = mul(FloatSteps<3>(*view.plane->element).number(load_i32(line), j), broadcast(view.page_scale));
  } else {
    scale = as_float(shift_left(bit_and(shift_right(load_i32(line), 8 * j), broadcast_i32(255)), 23));
  }
  return mul(scale, broadcast(view.plane->element->unit));
}

// f(steps), with the steps of the view's kind of element.
template <class Function>
KVC_INLINE void with_steps(const Element& element, const Function& f) {
  using enum BlockSettings::Element;
  switch (element.kind) {
    case int8:
      return f(IntegerSteps(element));
    case e4m3:
      return f(FloatSteps<3>(element));
    case e5m2:
      return f(FloatSteps<2>(element));
    case normal_2:
      return f(TableSteps<2>(element));
    case normal_3:
      return f(TableSteps<3>(element));
    default:  // int4, e2m1, normal_4
      return f(TableSteps<4>(element));
  }
}

}  // namespace kvcompress::KVC_ISA
