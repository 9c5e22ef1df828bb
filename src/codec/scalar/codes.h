// Codes of one tile in registers, for *.isa.cc files. quad(f) gives depths 4f .. 4f + 3 of the tile as the
// four bytes of each lane.
#pragma once

#include "codec/scalar/layout.h"  // tile_bytes, kHighBytes
#include "compute/simd/simd.h"    // I32x16

namespace kvcompress::KVC_ISA {

static constexpr int kQuads = 4;  // of a tile

// Where the tiles of a plane are.
struct Tiles {
  const std::byte* low;
  const std::byte* high;  // 3 bits
  int depth_tiles;

  KVC_INLINE_MEMBER explicit Tiles(const PlaneView& view)
      : low(view.codes),
        high(view.codes + static_cast<size_t>(tiles(*view.plane)) * tile_bytes(view.plane->bits)),
        depth_tiles(view.plane->depths / kTile) {}
};

KVC_INLINE I32x16 every_byte(uint8_t byte) { return broadcast_i32(static_cast<int32_t>(byte * 0x01010101U)); }

template <int kBits>
struct Codes {
  I32x16 words[kBits == 3 ? 2 : kBits / 2];

  KVC_INLINE_MEMBER Codes(const Tiles& tiles, int tile) {
    const std::byte* low = tiles.low + static_cast<int64_t>(tile) * tile_bytes(kBits);
    for (int i = 0; i < tile_bytes(kBits) / 64; ++i) words[i] = load_i32(low + i * 64);
    if constexpr (kBits == 3) {
      words[1] = shift_right(load_i32(tiles.high + tile / 2 * kHighBytes), tile % 2 * 4);
    }
  }

  KVC_INLINE_MEMBER I32x16 quad(int f) const {
    if constexpr (kBits == 8) {
      return words[f];
    } else if constexpr (kBits == 4) {
      return bit_and(shift_right(words[f / 2], f % 2 * 4), every_byte(15));
    } else if constexpr (kBits == 2) {
      return bit_and(shift_right(words[0], 2 * f), every_byte(3));
    } else {
      const I32x16 high = f <= 2 ? shift_left(words[1], 2 - f) : shift_right(words[1], f - 2);
      return bit_or(bit_and(shift_right(words[0], 2 * f), every_byte(3)), bit_and(high, every_byte(4)));
    }
  }
};

// Of 16 lanes or depths: number = base + scale * code.
struct Scales {
  F32x16 scale, base;
};
template <int kBits>
KVC_INLINE Scales scales_at(const PlaneView& view, int at) {
  const F32x16 scale = load_f16(view.scales + at);
  if (view.minima != nullptr) return {scale, load_f16(view.minima + at)};
  const F32x16 opposite = sub(zero(), scale), magnitude = max(scale, opposite);
  // Where the scale is negative, codes begin one later.
  return {magnitude,
          fma(magnitude, broadcast(static_cast<float>(-centre_code(kBits))), max(opposite, zero()))};
}

// Asks for the tile as far behind this one as `ahead` says.
template <int kBits>
KVC_INLINE void prefetch_tile(const Tiles& tiles, int tile, ptrdiff_t ahead) {
  const std::byte* low = tiles.low + static_cast<int64_t>(tile) * tile_bytes(kBits) + ahead;
  for (int i = 0; i < tile_bytes(kBits) / 64; ++i) prefetch_far(low + i * 64);
  if constexpr (kBits == 3) {
    if (tile % 2 == 0) prefetch_far(tiles.high + tile / 2 * kHighBytes + ahead);
  }
}

// Byte j of each lane of a quad, as a float.
KVC_INLINE F32x16 byte_to_float(I32x16 quad, int j) {
  const I32x16 shifted = shift_right(quad, 8 * j);
  return to_float(j == 3 ? shifted : bit_and(shifted, broadcast_i32(255)));
}

}  // namespace kvcompress::KVC_ISA
