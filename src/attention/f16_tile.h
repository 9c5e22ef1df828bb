// Tiles of keys and values, converted from f16 pages once for many rows of queries, and the small matrix
// product that works on them. For *.isa.cc files.
//
// A panel is a matrix of `steps` x (kPair * up to 64 columns), step by step: [steps][width][16
// columns][kPair], so that a step of the product reads consecutive vectors. kPair is 1 in float32; with BF16
// dot products two neighbours along the summed dimension lie side by side.
#pragma once

#include "attention/f16_kernels.h"

namespace kvcompress::KVC_ISA {

static constexpr int kPanelWide = 4;                                 // vectors of 16 columns in a full panel
static constexpr int kProductRows = 6;                               // rows of one product
static constexpr int kProductWide = kVectorRegisters >= 32 ? 4 : 1;  // vectors of columns of one product

struct F32Tile {
  using Element = float;
  static constexpr int kPair = 1;

  KVC_INLINE void store_row(Element* p, F32x16 x) { KVC_ISA::store(p, x); }
  // 16 or 32 numbers side by side: a row of weights.
  KVC_INLINE void store_weights(Element* p, F32x16 first, F32x16 second) {
    KVC_ISA::store(p, first);
    KVC_ISA::store(p + kLanes, second);
  }
  KVC_INLINE F32x16 load_weights(const Element* p) { return KVC_ISA::load(p); }  // 16 of them
  KVC_INLINE F32x16 weight(F32x16 x) { return KVC_ISA::exp2(x); }
  KVC_INLINE void put_step(Element* p, const uint16_t* from, const uint16_t*) {
    KVC_ISA::store(p, load_f16(from));
  }
  using Vector = F32x16;
  KVC_INLINE Vector load(const Element* p) { return KVC_ISA::load(p); }
  KVC_INLINE Vector spread(const Element* p) { return broadcast(*p); }
  KVC_INLINE F32x16 multiply(Vector a, Vector b, F32x16 sum) { return fma(a, b, sum); }
};

#if KVC_HAS_BF16_DOT
struct Bf16Tile {
  using Element = uint16_t;
  static constexpr int kPair = 2;

  KVC_INLINE void store_row(Element* p, F32x16 x) { store_bf16(p, x); }
  KVC_INLINE void store_weights(Element* p, F32x16 first, F32x16 second) { store_bf16_2(p, first, second); }
  KVC_INLINE F32x16 load_weights(const Element* p) { return load_bf16(p); }
  // Good to 1e-4, far below what rounding the weight to BF16 costs.
  KVC_INLINE F32x16 weight(F32x16 x) { return exp2_coarse(x); }
  KVC_INLINE void put_step(Element* p, const uint16_t* even, const uint16_t* odd) {
    store_pairs(p, load_f16(even), load_f16(odd));
  }
  using Vector = Bf16Pairs;
  KVC_INLINE Vector load(const Element* p) { return load_pairs(p); }
  KVC_INLINE Vector spread(const Element* p) { return broadcast_pair(p); }
  KVC_INLINE F32x16 multiply(Vector a, Vector b, F32x16 sum) { return dot(a, b, sum); }
};
#endif

// The keys of a page as one panel: summed over channels, a column per slot.
template <class Tile>
KVC_INLINE void convert_keys(const PageView& page, int padded, typename Tile::Element* panel) {
  const uint16_t* keys = page_keys(page);
  for (int c = 0; c < padded; c += Tile::kPair) {
    for (int g = 0; g < kKeyGroups; ++g) {
      const uint16_t* from = keys + (g * padded + c) * kKeyGroup;
      Tile::put_step(panel, from, from + kKeyGroup);
      panel += kLanes * Tile::kPair;
    }
  }
}

// The values of a page as panels of up to 64 channels each (the panel of channel c starts at c * rows
// elements, where rows is the number of slots of the whole tile), summed over slots, from slot `at` of the
// tile on. Unwritten slots become 0: what they hold may not even be a number.
template <class Tile>
KVC_INLINE void convert_values(const PageView& page, int padded, int at, int rows,
                               typename Tile::Element* panels) {
  alignas(64) static constexpr uint16_t kNothing[kLanes] = {};
  const uint16_t* values = page_values(page, padded);
  const int used = page.used;
  for (int c = 0; c < padded; c += kPanelWide * kLanes) {
    const int wide = (padded - c) / kLanes < kPanelWide ? (padded - c) / kLanes : kPanelWide;
    typename Tile::Element* panel = panels + c * rows + at * wide * kLanes;
    for (int s = 0; s < kPageSlots; s += Tile::kPair) {
      for (int w = 0; w < wide; ++w) {
        const uint16_t* from = values + s * padded + c + w * kLanes;
        Tile::put_step(panel, s < used ? from : kNothing, s + 1 < used ? from + padded : kNothing);
        panel += kLanes * Tile::kPair;
      }
    }
  }
}

// sums[row][w] += a . b over `steps` steps, for kProductRows rows of a and kWide vectors of columns of the
// panel b.
template <class Tile, int kWide>
KVC_INLINE void multiply_panel(const typename Tile::Element* a, int a_stride, const typename Tile::Element* b,
                               int b_step, int steps, F32x16 (&sums)[kProductRows][kWide]) {
  for (int s = 0; s < steps; ++s) {
    typename Tile::Vector column[kWide];
    for (int w = 0; w < kWide; ++w) column[w] = Tile::load(b + w * kLanes * Tile::kPair);
    for (int r = 0; r < kProductRows; ++r) {
      const typename Tile::Vector row = Tile::spread(a + r * a_stride);
      for (int w = 0; w < kWide; ++w) sums[r][w] = Tile::multiply(row, column[w], sums[r][w]);
    }
    a += Tile::kPair;
    b += b_step;
  }
}

// out[row][w] (+)= a . b for one product's rows.
template <class Tile, int kWide, bool kAdd>
KVC_INLINE void product(const typename Tile::Element* a, int a_stride, const typename Tile::Element* b,
                        int b_step, int steps, float* out, int out_stride) {
  F32x16 sums[kProductRows][kWide];
  for (int r = 0; r < kProductRows; ++r) {
    for (int w = 0; w < kWide; ++w) {
      sums[r][w] = kAdd ? load(out + r * out_stride + w * kLanes) : zero();
    }
  }
  multiply_panel<Tile, kWide>(a, a_stride, b, b_step, steps, sums);
  for (int r = 0; r < kProductRows; ++r) {
    for (int w = 0; w < kWide; ++w) store(out + r * out_stride + w * kLanes, sums[r][w]);
  }
}

// The same for all `wide` vectors of a panel.
template <class Tile, bool kAdd>
KVC_INLINE void product_panel(const typename Tile::Element* a, int a_stride,
                              const typename Tile::Element* panel, int wide, int steps, float* out,
                              int out_stride) {
  const int step = wide * kLanes * Tile::kPair;
  if constexpr (kProductWide == 4) {
    switch (wide) {
      case 4:
        return product<Tile, 4, kAdd>(a, a_stride, panel, step, steps, out, out_stride);
      case 3:
        return product<Tile, 3, kAdd>(a, a_stride, panel, step, steps, out, out_stride);
      case 2:
        return product<Tile, 2, kAdd>(a, a_stride, panel, step, steps, out, out_stride);
      default:
        return product<Tile, 1, kAdd>(a, a_stride, panel, step, steps, out, out_stride);
    }
  } else {
    for (int w = 0; w < wide; ++w) {
      product<Tile, 1, kAdd>(a, a_stride, panel + w * kLanes * Tile::kPair, step, steps, out + w * kLanes,
                             out_stride);
    }
  }
}

}  // namespace kvcompress::KVC_ISA
