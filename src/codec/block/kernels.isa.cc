// Products with, and numbers of, a page in block form. Rows go through a plane together, so that a code is
// read and widened once for up to four of them.
#include "codec/block/kernels.h"

#include <type_traits>  // std::remove_cvref_t

#include "codec/block/steps.h"

namespace kvcompress::KVC_ISA {
namespace {

constexpr int kMaxRows = 4;
constexpr int kSlotTiles = kPageSlots / kTile;

// sums += left times the steps of `count` tiles of depths, beginning with `tile`.
template <class Steps, int kRows>
KVC_INLINE void add_products(const Steps& steps, const Tiles& tiles, int tile, int count, const float* left,
                             int64_t stride, ptrdiff_t ahead, F32x16 (&sums)[kRows]) {
  for (int end = tile + count; tile < end; ++tile, left += kTile) {
    prefetch_tile<Steps::kBits>(tiles, tile, ahead);
    const Codes<Steps::kBits> codes(tiles, tile);
    each<kQuads>([&](auto f) KVC_LAMBDA {
      const I32x16 quad = steps.quad(codes.quad(f));
      each<4>([&](auto j) KVC_LAMBDA {
        const F32x16 number = steps.number(quad, j);
        each<kRows>([&](auto r) KVC_LAMBDA {
          sums[r] = fma(number, broadcast(left[r * stride + 4 * f + j]), sums[r]);
        });
      });
    });
  }
}

KVC_INLINE PlaneView codes_of(const BlockView& view) {
  return {&view.plane->codes, view.codes, nullptr, nullptr};
}

// Lanes are slots, and so are scales: they are taken in when a block of depths has been summed.
template <class Steps, int kRows>
void contract_keys(const BlockContraction& c) {
  const Steps steps(*c.x.plane->element);
  const PlaneView codes = codes_of(c.x);
  const Tiles tiles(codes);
  const int run_tiles = codes.plane->run / kTile;
  for (int lane_tile = 0; lane_tile < kSlotTiles; ++lane_tile) {
    F32x16 totals[kRows], sums[kRows];
    each<kRows>([&](auto r) KVC_LAMBDA {
      totals[r] = c.add ? load(c.out + r * c.out_stride + lane_tile * kTile) : zero();
    });
    for (int run = 0; run < codes.plane->runs; ++run) {
      const int first = run * run_tiles, rest = tiles.depth_tiles - first;
      each<kRows>([&](auto r) KVC_LAMBDA { sums[r] = zero(); });
      add_products<Steps, kRows>(steps, tiles, lane_tile * tiles.depth_tiles + first,
                                 rest < run_tiles ? rest : run_tiles, c.left + first * kTile, c.left_stride,
                                 c.ahead, sums);
      const F32x16 scale = scales_at(c.x, run, lane_tile);
      each<kRows>([&](auto r) KVC_LAMBDA { totals[r] = fma(scale, sums[r], totals[r]); });
    }
    each<kRows>([&](auto r) KVC_LAMBDA { store(c.out + r * c.out_stride + lane_tile * kTile, totals[r]); });
  }
}

// Depths are slots: their scales go into the left factors first.
template <class Steps, int kRows>
void contract_values(const BlockContraction& c) {
  const Steps steps(*c.x.plane->element);
  const PlaneView codes = codes_of(c.x);
  const Tiles tiles(codes);
  alignas(64) float scaled[kRows][kPageSlots];
  for (int run = 0, lane = 0; run < codes.plane->runs; ++run) {
    for (int j = 0; j < kSlotTiles; ++j) {
      const F32x16 scale = scales_at(c.x, run, j);
      each<kRows>([&](auto r) KVC_LAMBDA {
        store(scaled[r] + j * kTile, mul(scale, load(c.left + r * c.left_stride + j * kTile)));
      });
    }
    const int end = lane + codes.plane->run;
    for (; lane < end && lane < codes.plane->lanes; lane += kTile) {
      F32x16 sums[kRows];
      each<kRows>([&](auto r)
                      KVC_LAMBDA { sums[r] = c.add ? load(c.out + r * c.out_stride + lane) : zero(); });
      add_products<Steps, kRows>(steps, tiles, lane / kTile * kSlotTiles, kSlotTiles, scaled[0], kPageSlots,
                                 c.ahead, sums);
      each<kRows>([&](auto r) KVC_LAMBDA { store(c.out + r * c.out_stride + lane, sums[r]); });
    }
  }
}

template <class Steps>
void contract_with(BlockContraction c) {
  using Function = void (*)(const BlockContraction&);
  static constexpr Function kKeys[] = {nullptr, contract_keys<Steps, 1>, contract_keys<Steps, 2>,
                                       contract_keys<Steps, 3>, contract_keys<Steps, 4>};
  static constexpr Function kValues[] = {nullptr, contract_values<Steps, 1>, contract_values<Steps, 2>,
                                         contract_values<Steps, 3>, contract_values<Steps, 4>};
  const bool keys = c.x.plane->codes.axis == Axis::lane;
  const int all = c.rows;
  const int passes = (all + kMaxRows - 1) / kMaxRows;
  for (int i = 0, row = 0; i < passes; ++i, row += c.rows) {
    c.rows = all * (i + 1) / passes - row;
    (keys ? kKeys : kValues)[c.rows](c);
    c.left += c.rows * c.left_stride;
    c.out += c.rows * c.out_stride;
  }
}

template <class Steps>
void unpack_with(const Steps& steps, const BlockView& view, float* x) {
  const PlaneView codes_view = codes_of(view);
  const Plane& plane = *codes_view.plane;
  const Tiles tiles(codes_view);
  const bool keys = plane.axis == Axis::lane;
  alignas(64) float scales[kTile];
  int tile = 0;
  for (int lane = 0; lane < plane.lanes; lane += kTile) {
    for (int depth = 0; depth < plane.depths; depth += kTile, ++tile) {
      const Codes<Steps::kBits> codes(tiles, tile);
      store(scales, scales_at(view, (keys ? depth : lane) / plane.run, (keys ? lane : depth) / kTile));
      for (int d = 0; d < kTile; ++d) {
        const F32x16 scale = keys ? load(scales) : broadcast(scales[d]);
        const F32x16 step = steps.number(steps.quad(codes.quad(d / 4)), d % 4);
        store(x + (depth + d) * plane.lanes + lane, mul(scale, step));
      }
    }
  }
}

void block_unpack(const BlockView& view, float* x) {
  with_steps(*view.plane->element, [&](const auto& steps) KVC_LAMBDA { unpack_with(steps, view, x); });
}

void block_contract(const BlockContraction& c) {
  with_steps(*c.x.plane->element,
             [&](const auto& steps) KVC_LAMBDA { contract_with<std::remove_cvref_t<decltype(steps)>>(c); });
}

}  // namespace

extern const BlockKernels kBlockKernels;
constinit const BlockKernels kBlockKernels{block_unpack, block_contract};

}  // namespace kvcompress::KVC_ISA
