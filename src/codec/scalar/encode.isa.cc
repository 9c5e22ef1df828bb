// Numbers to codes, compiled once for each instruction set. The same bits on all of them: no product here is
// added to anything, so there is nothing that a fused multiply-add could round differently.
#include "codec/scalar/codes.h"
#include "codec/scalar/isa_functions.h"

namespace kvcompress::KVC_ISA {
namespace {

KVC_INLINE float least_of(F32x16 x) { return -reduce_max(sub(zero(), x)); }

// Axis::depth: a scale for one depth and a run of lanes.
KVC_INLINE void depth_ranges(const Plane& plane, const float* x, float* least, float* greatest) {
  for (int run = 0; run < plane.lanes / plane.run; ++run) {
    for (int depth = 0; depth < plane.depths; ++depth) {
      const float* numbers = x + depth * plane.lanes + run * plane.run;
      F32x16 low = load(numbers), high = low;
      for (int lane = kTile; lane < plane.run; lane += kTile) {
        low = min(low, load(numbers + lane));
        high = max(high, load(numbers + lane));
      }
      least[run * plane.depths + depth] = least_of(low);
      greatest[run * plane.depths + depth] = reduce_max(high);
    }
  }
}

// Axis::lane: a scale for one lane and a run of depths.
KVC_INLINE void lane_ranges(const Plane& plane, const float* x, float* least, float* greatest) {
  for (int run = 0; run < plane.depths / plane.run; ++run) {
    for (int lane = 0; lane < plane.lanes; lane += kTile) {
      const float* numbers = x + run * plane.run * plane.lanes + lane;
      F32x16 low = load(numbers), high = low;
      for (int depth = 1; depth < plane.run; ++depth) {
        low = min(low, load(numbers + depth * plane.lanes));
        high = max(high, load(numbers + depth * plane.lanes));
      }
      store(least + run * plane.lanes + lane, low);
      store(greatest + run * plane.lanes + lane, high);
    }
  }
}

struct Rounding {
  F32x16 greatest;      // code
  const float* dither;  // of the first lane and depth of the tile, or nullptr
};

// Codes of 16 numbers.
template <bool kDithered>
KVC_INLINE I32x16 codes_of(F32x16 x, F32x16 base, F32x16 inverse, const Rounding& rounding, int at) {
  const F32x16 steps = min(max(mul(sub(x, base), inverse), zero()), rounding.greatest);
  if constexpr (!kDithered) return to_i32(steps);
  const F32x16 nearest = to_float(to_i32(steps)), one = broadcast(1.0f);
  const F32x16 below = select(greater(nearest, steps), sub(nearest, one), nearest);
  const F32x16 limit = add(below, load(rounding.dither + at));
  return to_i32(select(greater(steps, limit), add(below, one), below));
}

template <int kBits>
KVC_INLINE void store_tile(const I32x16 (&quads)[kQuads], std::byte* low, std::byte* high, bool odd) {
  if constexpr (kBits == 8) {
    for (int f = 0; f < kQuads; ++f) store_i32(low + f * 64, quads[f]);
  } else if constexpr (kBits == 4) {
    store_i32(low, bit_or(quads[0], shift_left(quads[1], 4)));
    store_i32(low + 64, bit_or(quads[2], shift_left(quads[3], 4)));
  } else {
    I32x16 bits = broadcast_i32(0), top = odd ? load_i32(high) : bits;
    for (int f = 0; f < kQuads; ++f) {
      bits = bit_or(bits, shift_left(bit_and(quads[f], every_byte(3)), 2 * f));
      if constexpr (kBits == 3) {
        const I32x16 bit = bit_and(shift_right(quads[f], 2), every_byte(1));
        top = bit_or(top, shift_left(bit, f + (odd ? 4 : 0)));
      }
    }
    store_i32(low, bits);
    if constexpr (kBits == 3) store_i32(high, top);
  }
}

template <int kBits, bool kDithered>
void pack_plane(const Plane& plane, const float* x, const Quantiser& quantiser, const float* dither,
                std::byte* codes) {
  Rounding rounding{broadcast(static_cast<float>(greatest_code(kBits))), nullptr};
  std::byte* high = codes + static_cast<int64_t>(tiles(plane)) * tile_bytes(kBits);
  int tile = 0;
  for (int lane = 0; lane < plane.lanes; lane += kTile) {
    for (int depth = 0; depth < plane.depths; depth += kTile, ++tile) {
      I32x16 quads[kQuads];
      rounding.dither = kDithered ? dither + depth * plane.lanes + lane : nullptr;
      for (int d = 0; d < kTile; ++d) {
        F32x16 base, inverse;
        if (plane.axis == Axis::depth) {
          const int at = lane / plane.run * plane.depths + depth + d;
          base = broadcast(quantiser.base[at]);
          inverse = broadcast(quantiser.inverse[at]);
        } else {
          const int at = depth / plane.run * plane.lanes + lane;
          base = load(quantiser.base + at);
          inverse = load(quantiser.inverse + at);
        }
        const F32x16 numbers = load(x + (depth + d) * plane.lanes + lane);
        const I32x16 code = codes_of<kDithered>(numbers, base, inverse, rounding, d * plane.lanes);
        quads[d / 4] = d % 4 == 0 ? code : bit_or(quads[d / 4], shift_left(code, d % 4 * 8));
      }
      store_tile<kBits>(quads, codes + static_cast<int64_t>(tile) * tile_bytes(kBits),
                        high + tile / 2 * kHighBytes, tile % 2 != 0);
    }
  }
}

template <int kBits>
KVC_INLINE void pack_bits(const Plane& plane, const float* x, const Quantiser& quantiser, const float* dither,
                          std::byte* codes) {
  dither != nullptr ? pack_plane<kBits, true>(plane, x, quantiser, dither, codes)
                    : pack_plane<kBits, false>(plane, x, quantiser, dither, codes);
}

}  // namespace

void scalar_ranges(const Plane& plane, const float* x, float* least, float* greatest) {
  plane.axis == Axis::depth ? depth_ranges(plane, x, least, greatest)
                            : lane_ranges(plane, x, least, greatest);
}

void scalar_pack(const Plane& plane, const float* x, const Quantiser& quantiser, const float* dither,
                 std::byte* codes) {
  switch (plane.bits) {
    case 2:
      return pack_bits<2>(plane, x, quantiser, dither, codes);
    case 3:
      return pack_bits<3>(plane, x, quantiser, dither, codes);
    case 4:
      return pack_bits<4>(plane, x, quantiser, dither, codes);
    default:
      return pack_bits<8>(plane, x, quantiser, dither, codes);
  }
}

}  // namespace kvcompress::KVC_ISA
