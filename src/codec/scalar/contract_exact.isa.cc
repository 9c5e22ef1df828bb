// Contractions with float32 products.
#include "codec/scalar/contract.h"

namespace kvcompress::KVC_ISA {
namespace {

struct F32Math {
  static constexpr bool kCentred = false;

  template <int kRows>
  struct Folded {
    alignas(64) float factors[kRows][kFolded];
    float offsets[kRows];
  };

  template <int kBits, int kRows>
  KVC_INLINE void fold(const Contraction& c, const Part& part, int at, Folded<kRows>& folded) {
    F32x16 offsets[kRows];
    each<kRows>([&](auto r) KVC_LAMBDA { offsets[r] = zero(); });
    for (int d = 0; d < part.depths; d += kTile) {
      const Scales s = math_scales<F32Math, kBits>(c.x, at + d);
      each<kRows>([&](auto r) KVC_LAMBDA {
        const F32x16 left = load(c.left + r * c.left_stride + part.depth + d);
        store(folded.factors[r] + d, mul(left, s.scale));
        offsets[r] = fma(left, s.base, offsets[r]);
      });
    }
    each<kRows>([&](auto r) KVC_LAMBDA { folded.offsets[r] = reduce_add(offsets[r]); });
  }

  template <int kBits, int kRows>
  KVC_INLINE void take(const Contraction& c, const Part& part, Folded<kRows>& folded) {
    for (int r = 0; r < kRows; ++r) {
      F32x16 sum = zero();
      for (int d = 0; d < part.depths; d += kTile) {
        const F32x16 left = load(c.left + r * c.left_stride + part.depth + d);
        store(folded.factors[r] + d, left);
        sum = add(sum, left);
      }
      folded.offsets[r] = reduce_add(sum);
    }
  }

  template <int kBits, int kRows, int kTiles>
  KVC_INLINE void multiply(const Contraction& c, const Part& part, int lane_tile, const Folded<kRows>& folded,
                           F32x16 (&sums)[kRows][kTiles]) {
    const Tiles places(c.x);
    for (int i = 0; i < kRows * kTiles; ++i) sums[i / kTiles][i % kTiles] = zero();
    for (int d = 0; d < part.depths; d += kTile) {
      const int tile = lane_tile * places.depth_tiles + (part.depth + d) / kTile;
      for (int t = 0; t < kTiles; ++t) prefetch_tile<kBits>(places, tile + t * places.depth_tiles, c.ahead);
      for (int f = 0; f < kQuads; ++f) {
        I32x16 quads[kTiles];
        for (int t = 0; t < kTiles; ++t) {
          quads[t] = Codes<kBits>(places, tile + t * places.depth_tiles).quad(f);
        }
        for (int j = 0; j < 4; ++j) {
          F32x16 codes[kTiles];
          for (int t = 0; t < kTiles; ++t) codes[t] = byte_to_float(quads[t], j);
          for (int r = 0; r < kRows; ++r) {
            const F32x16 factor = broadcast(folded.factors[r][d + 4 * f + j]);
            for (int t = 0; t < kTiles; ++t) sums[r][t] = fma(codes[t], factor, sums[r][t]);
          }
        }
      }
    }
  }
};

}  // namespace

void scalar_contract(const Contraction& contraction) { contract_with<F32Math>(contraction); }

}  // namespace kvcompress::KVC_ISA
