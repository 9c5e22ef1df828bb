// Column sums of a prefill block: the attention weight that each slot gets from all of the block's rows. For
// f16_prefill.isa.cc.
//
// What share of a row a weight stands for is known only after the row's last tile. So a block that wants
// column sums lets its weights lie where the products with the values read them, together with the maximum
// that each tile's were taken against, and one pass over them at the end brings them to their shares:
//   sums[slot] = sum over rows of 2^(maximum[tile][row] - greatest[row]) / total[row] * weight[tile][row]
// No logit and no exponential is computed twice.
#pragma once

#include "attention/f16_tile.h"

namespace kvcompress::KVC_ISA {

static constexpr int kTilePages = 2;
static constexpr int kTileSlots = kTilePages * kPageSlots;

constexpr int padded_rows(int rows) { return (rows + kProductRows - 1) / kProductRows * kProductRows; }

// The next `count` numbers of a scratch memory of which `bytes` are taken.
template <typename T>
KVC_INLINE void take(T*& part, std::byte* base, size_t& bytes, size_t count) {
  part = reinterpret_cast<T*>(reinterpret_cast<uintptr_t>(base) + bytes);
  bytes += (count * sizeof(T) + 63) / 64 * 64;
}

// Weights of all tiles of a block. Rows are padded to whole products, whose last rows count for nothing.
template <class Tile>
struct KeptWeights {
  typename Tile::Element* weights;  // [tiles][rows][kTileSlots]
  float* maximum;                   // [tiles][rows]
  uint8_t* pages;  // [tiles][rows / kProductRows]: pages of the tile that the rows have weights for
  float* inverse;  // [rows] of the sum of a row's weights; 0 where there is none
  float* factors;  // [rows] of the tile at hand
  int tiles, rows;
};

// Takes them from a scratch memory of which `bytes` are taken.
template <class Tile>
KVC_INLINE KeptWeights<Tile> take_kept(std::byte* base, size_t& bytes, int rows, int n_pages) {
  KeptWeights<Tile> kept{};
  kept.tiles = (n_pages + kTilePages - 1) / kTilePages;
  kept.rows = padded_rows(rows);
  const size_t vectors = (kept.rows + kLanes - 1) / kLanes * kLanes;  // read in whole vectors
  const size_t tile_rows = size_t(kept.tiles) * kept.rows;
  take(kept.weights, base, bytes, tile_rows * kTileSlots);
  take(kept.maximum, base, bytes, tile_rows + kLanes);
  take(kept.pages, base, bytes, tile_rows / kProductRows);
  take(kept.inverse, base, bytes, vectors);
  take(kept.factors, base, bytes, vectors);
  return kept;
}

// Until a product of rows says otherwise, it has seen nothing.
template <class Tile>
KVC_INLINE void forget_all(const KeptWeights<Tile>& kept) {
  for (int i = 0; i < kept.tiles * (kept.rows / kProductRows); ++i) kept.pages[i] = 0;
}

// Notes what six rows from `row` on had in a tile: weights for its first `pages` pages, against `maximum`.
template <class Tile>
KVC_INLINE void note_rows(const KeptWeights<Tile>& kept, int tile, int row, int pages, const float* maximum) {
  const int at = tile * kept.rows + row;
  kept.pages[at / kProductRows] = static_cast<uint8_t>(pages);
  for (int r = 0; r < kProductRows; ++r) kept.maximum[at + r] = maximum[r];
}

// Adds the weights of a page, times factor.
template <class Tile>
KVC_INLINE void add_page(const typename Tile::Element* weights, F32x16 factor, F32x16* sums) {
  for (int v = 0; v < kKeyGroups; ++v) {
    sums[v] = fma(Tile::load_weights(weights + v * kLanes), factor, sums[v]);
  }
}

// The sums of one tile over the rows of one head: every group-th row, beginning with row `head`.
template <class Tile>
KVC_INLINE void sum_tile(const KeptWeights<Tile>& kept, int tile, int head, int rows, int group, int pages,
                         float* out) {
  F32x16 sums[kTilePages * kKeyGroups];
  for (F32x16& sum : sums) sum = zero();
  const typename Tile::Element* weights = kept.weights + size_t(tile) * kept.rows * kTileSlots;
  const uint8_t* seen = kept.pages + tile * (kept.rows / kProductRows);
  for (int row = head; row < rows; row += group) {
    const int row_pages = seen[row / kProductRows];
    if (row_pages == 0) continue;
    const typename Tile::Element* of_row = weights + row * kTileSlots;
    const F32x16 factor = broadcast(kept.factors[row]);
    add_page<Tile>(of_row, factor, sums);
    if (row_pages == kTilePages) add_page<Tile>(of_row + kPageSlots, factor, sums + kKeyGroups);
  }
  for (int v = 0; v < pages * kKeyGroups; ++v) store(out + v * kLanes, sums[v]);
}

// Writes block.column_sums; greatest[row] and inverse[row] are those of the whole row.
template <class Tile>
KVC_INLINE void write_column_sums(const PrefillBlock& block, int group, const KeptWeights<Tile>& kept,
                                  const float* greatest) {
  const int rows = block.n_queries * group;
  const int64_t stride = int64_t{block.n_pages} * kPageSlots;
  for (int t = 0; t < kept.tiles; ++t) {
    for (int r = 0; r < kept.rows; r += kLanes) {
      const F32x16 raised = sub(load(kept.maximum + t * kept.rows + r), load(greatest + r));
      store(kept.factors + r, mul(exp2(raised), load(kept.inverse + r)));
    }
    const int pages_left = block.n_pages - t * kTilePages;
    const int pages = pages_left < kTilePages ? pages_left : kTilePages;
    for (int g = 0; g < group; ++g) {
      sum_tile(kept, t, g, rows, group, pages, block.column_sums + g * stride + t * kTileSlots);
    }
  }
}

}  // namespace kvcompress::KVC_ISA
