// The frame of contractions, for *.isa.cc files: rows go through a plane together, in passes, so that a code
// is read and widened once for all of them. Math says in what precision products are taken:
//
//   Folded<kRows>          left factors of some depths: `offsets` of each row, and what multiply() wants
//   fold(c, part, at, ..)  Axis::depth: of factors times scales, which begin at scales[at]; offsets are the
//                          sums of factors times bases
//   take(c, part, ..)      Axis::lane: of factors alone; offsets are their sums
//   multiply(...)          the sums over depths of folded factor * (code - code that kCentred means)
#pragma once

#include "codec/scalar/codes.h"          // Codes, Tiles
#include "codec/scalar/isa_functions.h"  // Contraction

namespace kvcompress::KVC_ISA {

// Rows that share a pass, and tiles of lanes side by side. More of either would widen codes less often, but
// that is not what takes the time, and every count is a kernel of its own.
static constexpr int kMaxRows = 4;
static constexpr int kMaxTiles = kVectorRegisters >= 32 ? 2 : 1;
static constexpr int kFolded = 256;  // depths whose left factors are kept at a time; a multiple of 64

// Scales, with the base of code 0 or, where centred, what the code in the middle stands for.
template <class Math, int kBits>
KVC_INLINE Scales math_scales(const PlaneView& x, int at) {
  const Scales s = scales_at<kBits>(x, at);
  if constexpr (!Math::kCentred) return s;
  return {s.scale, fma(s.scale, broadcast(static_cast<float>(centre_code(kBits))), s.base)};
}

// Some depths of a contraction, no more than kFolded, of one run of depths (Axis::lane).
struct Part {
  int depth, depths;
  int run;
  bool first;  // of its run
  bool add;    // to out
};

// Not inlined: out of their loop, the compiler would fill registers with what only the end of this needs.
template <class Math, int kBits, int kRows, int kTiles>
__attribute__((noinline)) void contract_tiles(const Contraction& c, const Part& part, int lane_tile,
                                              const typename Math::template Folded<kRows>& folded) {
  F32x16 sums[kRows][kTiles];
  Math::template multiply<kBits>(c, part, lane_tile, folded, sums);
  const Plane& plane = *c.x.plane;
  each<kTiles>([&](auto t) KVC_LAMBDA {
    const int lane = (lane_tile + t) * kTile;
    if (plane.axis == Axis::lane) {
      const Scales s = math_scales<Math, kBits>(c.x, part.run * plane.lanes + lane);
      each<kRows>([&](auto r) KVC_LAMBDA {
        sums[r][t] = fma(s.scale, sums[r][t], mul(s.base, broadcast(folded.offsets[r])));
      });
    } else {
      each<kRows>([&](auto r) KVC_LAMBDA { sums[r][t] = add(sums[r][t], broadcast(folded.offsets[r])); });
    }
    float* out = c.out + lane;
    each<kRows>([&](auto r) KVC_LAMBDA {
      if (part.add) sums[r][t] = add(sums[r][t], load(out));
      store(out, sums[r][t]);
      out += c.out_stride;
    });
  });
}

template <class Math, int kBits, int kRows>
KVC_INLINE void contract_lanes(const Contraction& c, const Part& part, int lane, int lanes,
                               const typename Math::template Folded<kRows>& folded) {
  const int end = (lane + lanes) / kTile;
  int tile = lane / kTile;
  for (; tile + kMaxTiles <= end; tile += kMaxTiles) {
    contract_tiles<Math, kBits, kRows, kMaxTiles>(c, part, tile, folded);
  }
  if constexpr (kMaxTiles > 1) {
    if (tile < end) contract_tiles<Math, kBits, kRows, 1>(c, part, tile, folded);
  }
}

template <class Math, int kBits, int kRows>
void contract_rows(const Contraction& c) {
  const Plane& plane = *c.x.plane;
  const bool by_lane = plane.axis == Axis::lane;
  typename Math::template Folded<kRows> folded;
  Part part{};
  int end = by_lane ? plane.run : plane.depths;  // of the run of depths
  while (part.depth < plane.depths) {
    const int rest = end - part.depth;
    part.depths = rest < kFolded ? rest : kFolded;
    part.first = by_lane ? part.depth == end - plane.run : part.depth == 0;
    part.add = c.add || part.depth > 0;
    if (by_lane) {
      Math::template take<kBits>(c, part, folded);
      contract_lanes<Math, kBits>(c, part, 0, plane.lanes, folded);
    } else {
      for (int run = 0; run < plane.runs; ++run) {
        Math::template fold<kBits>(c, part, run * plane.depths + part.depth, folded);
        contract_lanes<Math, kBits>(c, part, run * plane.run, plane.run, folded);
      }
    }
    part.depth += part.depths;
    if (by_lane && part.depth == end) {
      ++part.run;
      end += plane.run;
    }
  }
}

template <class Math, int kBits>
KVC_INLINE void contract_bits(const Contraction& c) {
  using Function = void (*)(const Contraction&);
  static constexpr Function kByRows[] = {nullptr, contract_rows<Math, kBits, 1>,
                                         contract_rows<Math, kBits, 2>, contract_rows<Math, kBits, 3>,
                                         contract_rows<Math, kBits, 4>};
  if (c.rows <= kMaxRows) return kByRows[c.rows](c);
  const int passes = (c.rows + kMaxRows - 1) / kMaxRows;
  for (int i = 0; i < passes; ++i) {
    const int row = c.rows * i / passes;
    Contraction pass = c;
    pass.rows = c.rows * (i + 1) / passes - row;
    pass.left += row * c.left_stride;
    pass.out += row * c.out_stride;
    if (c.rounded != nullptr) pass.rounded += int64_t{row} * c.x.plane->runs * rounded_block(*c.x.plane);
    kByRows[pass.rows](pass);
  }
}

template <class Math>
KVC_INLINE void contract_with(const Contraction& c) {
  // Scales and minima lie side by side.
  const std::byte* scales = reinterpret_cast<const std::byte*>(c.x.scales) + c.ahead;
  const int bytes = static_cast<int>(scale_count(*c.x.plane)) * (c.x.minima != nullptr ? 4 : 2);
  for (int at = 0; at < bytes; at += kLineBytes) prefetch_far(scales + at);
  switch (c.x.plane->bits) {
    case 2:
      return contract_bits<Math, 2>(c);
    case 3:
      return contract_bits<Math, 3>(c);
    case 4:
      return contract_bits<Math, 4>(c);
    default:
      return contract_bits<Math, 8>(c);
  }
}

}  // namespace kvcompress::KVC_ISA
