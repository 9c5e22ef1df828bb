// Prefill as blocked matrix products. A block's rows are its query heads (query major). Keys
// and values go by in tiles of two pages, converted once for all rows; six rows at a time are multiplied with
// the keys, turned into weights, and multiplied with the values, so that their logits never leave the
// first-level cache.
//
// Masks are looked at only in tiles that some row of the six does not see whole; what they hide has weight 0
// exactly, so a row's result does not depend on the other rows of its block.
#include "attention/f16_column_sums.h"
#include "attention/unpack.h"  // unpacked

namespace kvcompress::KVC_ISA {
namespace {

// Where the parts of a block's scratch memory lie, for at most `rows` rows.
template <class Tile>
struct Layout {
  using Element = typename Tile::Element;
  Element* queries;  // [rows][padded]
  Element* keys;     // [pages][padded / kPair][4][16][kPair]
  Element* values;   // panels, see convert_values
  Element* weights;  // [kProductRows][kTileSlots]
  float* scores;     // [kProductRows][kTileSlots]
  float* sums;       // [rows][padded], output before division
  float* bias;       // [kTileSlots] in units of log 2
  float* maximum;    // [rows]
  float* total;      // [rows][16], by lane
  int32_t* first;    // [rows] positions that the row sees
  int32_t* last;
  std::byte* unpacked;  // a packed page, while it is converted
  size_t bytes;
};

template <class Tile>
KVC_INLINE Layout<Tile> layout(std::byte* base, int rows, int padded) {
  Layout<Tile> l{};
  const size_t n = padded_rows(rows);
  take(l.queries, base, l.bytes, n * padded);
  take(l.keys, base, l.bytes, size_t{kTileSlots} * padded);
  take(l.values, base, l.bytes, size_t{kTileSlots} * padded);
  take(l.weights, base, l.bytes, kProductRows * kTileSlots);
  take(l.scores, base, l.bytes, kProductRows * kTileSlots);
  take(l.sums, base, l.bytes, n * padded);
  take(l.bias, base, l.bytes, kTileSlots);
  take(l.maximum, base, l.bytes, n);
  take(l.total, base, l.bytes, n * kLanes);
  take(l.first, base, l.bytes, n);
  take(l.last, base, l.bytes, n);
  take(l.unpacked, base, l.bytes, unpack_bytes(padded));
  return l;
}

// What all steps over one tile need.
template <class Tile>
struct TileContext {
  Layout<Tile> at;
  const PageView* pages;  // of the tile
  int n_pages;
  int head_dim, padded;
  bool biased;
  bool keeps;  // all weights, for column sums
  KeptWeights<Tile> kept;
  int index;                        // of the tile among those kept
  typename Tile::Element* weights;  // of the tile's row 0
  int weights_step;                 // from row to row: 0 when no row's are kept
};

template <class Tile>
KVC_INLINE void load_queries(const PrefillBlock& block, const AttentionShape& shape, const Layout<Tile>& at) {
  const int padded = padded_head_dim(shape.head_dim);
  const int rows = block.n_queries * shape.group;
  const F32x16 scale = broadcast(shape.scale * kLog2E);
  for (int row = 0; row < padded_rows(rows); ++row) {
    const int i = (row < rows ? row : rows - 1) / shape.group;
    const float* query = block.queries + i * block.query_stride + int64_t{row % shape.group} * shape.head_dim;
    for (int c = 0; c < padded; c += kLanes) {
      float rest[kLanes] = {};
      const int channels = shape.head_dim - c;
      const float* from = query + c;
      if (channels < kLanes) {
        for (int j = 0; j < channels; ++j) rest[j] = query[c + j];
        from = rest;
      }
      Tile::store_row(at.queries + row * padded + c, mul(load(from), scale));
      store(at.sums + row * padded + c, zero());
    }
    at.maximum[row] = kNoMaximum;
    store(at.total + row * kLanes, zero());
    at.first[row] = first_visible(block.positions[i], shape.sliding_window);
    at.last[row] = block.positions[i];
  }
}

template <class Tile>
KVC_INLINE void convert_tile(const TileContext<Tile>& tile) {
  const int slots = tile.n_pages * kPageSlots;
  for (int p = 0; p < tile.n_pages; ++p) {
    const PageView page =
        unpacked(tile.pages[p], tile.head_dim, PageParts::keys_and_values, tile.at.unpacked);
    convert_keys<Tile>(page, tile.padded, tile.at.keys + p * kPageSlots * tile.padded);
    convert_values<Tile>(page, tile.padded, p * kPageSlots, slots, tile.at.values);
    if (!tile.biased) continue;
    for (int s = 0; s < kPageSlots; s += kLanes) {
      const F32x16 bias = page.bias == nullptr ? zero() : mul(load(page.bias + s), broadcast(kLog2E));
      store(tile.at.bias + p * kPageSlots + s, bias);
    }
  }
}

// Adds the bias and hides what each row does not see.
template <class Tile>
KVC_INLINE void mask_scores(const TileContext<Tile>& tile, int row, int slots) {
  const float hidden = -__builtin_inff();
  for (int r = 0; r < kProductRows; ++r) {
    float* scores = tile.at.scores + r * kTileSlots;
    for (int s = 0; s < slots; s += kLanes) {
      const int32_t* positions = tile.pages[s / kPageSlots].positions + s % kPageSlots;
      const Mask16 seen = in_range(positions, tile.at.first[row + r], tile.at.last[row + r]);
      F32x16 score = load(scores + s);
      if (tile.biased) score = add(score, load(tile.at.bias + s));
      store(scores + s, select(seen, score, broadcast(hidden)));
    }
  }
}

// Brings a row's maximum up to its new scores, and what was summed so far down to the new maximum.
template <class Tile>
__attribute__((noinline)) void raise_maximum(const TileContext<Tile>& tile, int row, F32x16 greatest) {
  const float raised = reduce_max(greatest);
  const F32x16 shrink = exp2(broadcast(tile.at.maximum[row] - raised));
  float* sums = tile.at.sums + row * tile.padded;
  for (int c = 0; c < tile.padded; c += kLanes) store(sums + c, mul(load(sums + c), shrink));
  float* total = tile.at.total + row * kLanes;
  store(total, mul(load(total), shrink));
  tile.at.maximum[row] = raised;
}

// Turns the scores of one row, the r-th of its six, into weights.
template <class Tile, int kSlots>
KVC_INLINE void weigh_row(const TileContext<Tile>& tile, int row, int r, typename Tile::Element* weights) {
  constexpr int kVectors = kSlots / kLanes;
  const float* scores = tile.at.scores + r * kTileSlots;
  F32x16 greatest = load(scores);
  for (int v = 1; v < kVectors; ++v) greatest = max(greatest, load(scores + v * kLanes));
  if (any_greater(greatest, broadcast(tile.at.maximum[row]))) raise_maximum(tile, row, greatest);

  const F32x16 maximum = broadcast(tile.at.maximum[row]);
  float* total = tile.at.total + row * kLanes;
  F32x16 sum = load(total);
  for (int v = 0; v < kVectors; v += 2) {
    const F32x16 even = Tile::weight(sub(load(scores + v * kLanes), maximum));
    const F32x16 odd = Tile::weight(sub(load(scores + (v + 1) * kLanes), maximum));
    sum = add(sum, add(even, odd));
    Tile::store_weights(weights + v * kLanes, even, odd);
  }
  store(total, sum);
}

// Six rows from `row` on against the first `pages` pages of the tile.
template <class Tile>
KVC_INLINE void attend_rows(const TileContext<Tile>& tile, int row, int pages, bool masked) {
  const int padded = tile.padded;
  const int slots = pages * kPageSlots;
  for (int p = 0; p < pages; ++p) {
    product_panel<Tile, false>(tile.at.queries + row * padded, padded, tile.at.keys + p * kPageSlots * padded,
                               kPanelWide, padded / Tile::kPair, tile.at.scores + p * kPageSlots, kTileSlots);
  }
  if (masked || tile.biased) mask_scores(tile, row, slots);
  typename Tile::Element* weights = tile.weights + row * tile.weights_step;
  for (int r = 0; r < kProductRows; ++r) {
    if (pages == 1) {
      weigh_row<Tile, kPageSlots>(tile, row + r, r, weights + r * kTileSlots);
    } else {
      weigh_row<Tile, kTileSlots>(tile, row + r, r, weights + r * kTileSlots);
    }
  }
  if (tile.keeps) note_rows(tile.kept, tile.index, row, pages, tile.at.maximum + row);
  const int tile_slots = tile.n_pages * kPageSlots;
  for (int c = 0; c < padded; c += kPanelWide * kLanes) {
    const int wide = (padded - c) / kLanes < kPanelWide ? (padded - c) / kLanes : kPanelWide;
    product_panel<Tile, true>(weights, kTileSlots, tile.at.values + c * tile_slots, wide, slots / Tile::kPair,
                              tile.at.sums + row * padded + c, padded);
  }
}

template <class Tile>
KVC_INLINE void attend_tile(const TileContext<Tile>& tile, int rows) {
  for (int row = 0; row < rows; row += kProductRows) {
    // Rows ascend in position, so the first one sees least of the future and the last one least of the past.
    const int32_t* first = tile.at.first + row;
    const int32_t* last = tile.at.last + row;
    constexpr int kEnd = kProductRows - 1;
    int pages = 0;
    bool any = false, all = true;
    for (int p = 0; p < tile.n_pages; ++p) {
      if (!sees_none(tile.pages[p], first[0], last[kEnd])) {
        any = true;
        pages = p + 1;
      }
    }
    if (!any) continue;
    for (int p = 0; p < pages; ++p) all = all && sees_all(tile.pages[p], first[kEnd], last[0]);
    attend_rows(tile, row, pages, !all);
  }
}

template <class Tile>
KVC_INLINE void write_results(const PrefillBlock& block, const AttentionShape& shape, const Layout<Tile>& at,
                              float* inverses) {
  const int padded = padded_head_dim(shape.head_dim);
  for (int row = 0; row < block.n_queries * shape.group; ++row) {
    const int i = row / shape.group, g = row % shape.group;
    const float total = reduce_add(load(at.total + row * kLanes));
    const float inverse = total > 0 ? 1 / total : 0;
    if (inverses != nullptr) inverses[row] = inverse;
    const float* sums = at.sums + row * padded;
    float* output = block.output + i * block.output_stride + int64_t{g} * shape.head_dim;
    int c = 0;
    for (; c + kLanes <= shape.head_dim; c += kLanes)
      store(output + c, mul(load(sums + c), broadcast(inverse)));
    for (; c < shape.head_dim; ++c) output[c] = sums[c] * inverse;
    if (block.log_sum_exp != nullptr) {
      block.log_sum_exp[row] = total > 0 ? at.maximum[row] * kLn2 + __builtin_logf(total) : -__builtin_inff();
    }
  }
}

// Lets the tile context keep the weights, in the scratch memory behind the block's layout.
template <class Tile>
KVC_INLINE void keep_weights(const PrefillBlock& block, int rows, TileContext<Tile>& tile) {
  size_t bytes = tile.at.bytes;
  tile.kept = take_kept<Tile>(block.scratch, bytes, rows, block.n_pages);
  tile.weights_step = kTileSlots;
  forget_all(tile.kept);
}

template <class Tile>
void prefill(const PrefillBlock& block, const AttentionShape& shape) {
  const int padded = padded_head_dim(shape.head_dim);
  const int rows = block.n_queries * shape.group;
  TileContext<Tile> tile{};
  tile.at = layout<Tile>(block.scratch, rows, padded);
  tile.head_dim = shape.head_dim;
  tile.padded = padded;
  tile.weights = tile.at.weights;
  tile.keeps = block.column_sums != nullptr;
  if (tile.keeps) keep_weights(block, rows, tile);
  load_queries(block, shape, tile.at);
  const int32_t first = tile.at.first[0], last = tile.at.last[rows - 1];
  for (int p = 0; p < block.n_pages; p += kTilePages) {
    tile.pages = block.pages + p;
    tile.n_pages = block.n_pages - p < kTilePages ? block.n_pages - p : kTilePages;
    bool any = false;
    tile.biased = false;
    for (int i = 0; i < tile.n_pages; ++i) {
      any = any || !sees_none(tile.pages[i], first, last);
      tile.biased = tile.biased || tile.pages[i].bias != nullptr;
    }
    if (!any) continue;
    if (tile.keeps) {
      tile.index = p / kTilePages;
      tile.weights = tile.kept.weights + size_t(tile.index) * tile.kept.rows * kTileSlots;
    }
    convert_tile(tile);
    attend_tile(tile, rows);
  }
  write_results(block, shape, tile.at, tile.kept.inverse);
  if (tile.keeps) write_column_sums(block, shape.group, tile.kept, tile.at.maximum);
}

}  // namespace

void f16_prefill_fast(const PrefillBlock& block, const AttentionShape& shape) {
#if KVC_HAS_BF16_DOT
  prefill<Bf16Tile>(block, shape);
#else
  prefill<F32Tile>(block, shape);
#endif
}

void f16_prefill_exact(const PrefillBlock& block, const AttentionShape& shape) {
  prefill<F32Tile>(block, shape);
}

size_t f16_prefill_scratch(const AttentionShape& shape, int n_queries, int column_pages) {
  const int rows = n_queries * shape.group;
  size_t bytes = layout<F32Tile>(nullptr, rows, padded_head_dim(shape.head_dim)).bytes;
  if (column_pages > 0) take_kept<F32Tile>(nullptr, bytes, rows, column_pages);
  return bytes;
}

}  // namespace kvcompress::KVC_ISA
