// Score capture and key norms, in float32. Rows are query heads (query major); six at a time
// are multiplied with a page's keys, and each adds its weights to the sums of its head.
#include "attention/f16_tile.h"
#include "attention/unpack.h"  // unpacked

namespace kvcompress::KVC_ISA {
namespace {

constexpr int kBlockRows = 96;  // rows whose queries are held scaled; a multiple of kProductRows
static_assert(kBlockRows % kProductRows == 0);

struct Rows {
  float* queries;         // [kBlockRows][padded]
  float* keys;            // panel of one page
  float* scores;          // [kProductRows][kPageSlots]
  float* log_sum_exp;     // [kBlockRows] in units of log 2; +inf for rows that count for nothing
  int32_t *first, *last;  // [kBlockRows] positions that the row sees
  int32_t* head;          // [kBlockRows]
  std::byte* unpacked;    // a packed page, while it is converted
};

// Floats of scratch memory in front of `unpacked`; whole cache lines.
constexpr int scratch_floats(int padded) {
  return (kBlockRows + kPageSlots) * padded + kProductRows * kPageSlots + 4 * kBlockRows;
}
static_assert(scratch_floats(16) % 16 == 0);

Rows split(std::byte* scratch, int padded) {
  Rows rows{};
  float* next = reinterpret_cast<float*>(scratch);
  rows.queries = next;
  rows.keys = rows.queries + kBlockRows * padded;
  rows.scores = rows.keys + kPageSlots * padded;
  rows.log_sum_exp = rows.scores + kProductRows * kPageSlots;
  rows.first = reinterpret_cast<int32_t*>(rows.log_sum_exp + kBlockRows);
  rows.last = rows.first + kBlockRows;
  rows.head = rows.last + kBlockRows;
  rows.unpacked = scratch + scratch_floats(padded) * sizeof(float);
  return rows;
}

// Loads rows [from, from + count) of the capture, the rest of the last six as copies that count for nothing.
void load_rows(const CapturePart& part, const AttentionShape& shape, int from, int count, const Rows& rows) {
  const int padded = padded_head_dim(shape.head_dim);
  const float scale = shape.scale * kLog2E;
  const float infinity = __builtin_inff();
  const int filled = (count + kProductRows - 1) / kProductRows * kProductRows;
  for (int r = 0; r < filled; ++r) {
    const int row = from + (r < count ? r : count - 1);
    const int i = row / shape.group, g = row % shape.group;
    const float* query = part.queries + i * part.query_stride + int64_t{g} * shape.head_dim;
    float* out = rows.queries + r * padded;
    for (int c = 0; c < padded; ++c) out[c] = c < shape.head_dim ? query[c] * scale : 0;
    const float log_sum_exp = part.log_sum_exp[row];
    rows.log_sum_exp[r] = r < count && log_sum_exp > -infinity ? log_sum_exp * kLog2E : infinity;
    rows.first[r] = first_visible(part.positions[i], shape.sliding_window);
    rows.last[r] = part.positions[i];
    rows.head[r] = g;
  }
}

// Adds the weights of row r for the page's slots to sums.
KVC_INLINE void add_weights(const PageView& page, const Rows& rows, int r, const float* scores, float* sums) {
  const F32x16 log_sum_exp = broadcast(rows.log_sum_exp[r]);
  for (int s = 0; s < kPageSlots; s += kLanes) {
    F32x16 score = load(scores + s);
    if (page.bias != nullptr) score = fma(load(page.bias + s), broadcast(kLog2E), score);
    const Mask16 seen = in_range(page.positions + s, rows.first[r], rows.last[r]);
    const F32x16 weight = select(seen, exp2(sub(score, log_sum_exp)), zero());
    store(sums + s, add(load(sums + s), weight));
  }
}

void capture_page(const PageView& page, int head_dim, const Rows& rows, int count, float* sums,
                  int64_t stride) {
  const int padded = padded_head_dim(head_dim);
  convert_keys<F32Tile>(unpacked(page, head_dim, PageParts::keys, rows.unpacked), padded, rows.keys);
  for (int row = 0; row < count; row += kProductRows) {
    product_panel<F32Tile, false>(rows.queries + row * padded, padded, rows.keys, kPanelWide, padded,
                                  rows.scores, kPageSlots);
    for (int r = 0; r < kProductRows; ++r) {
      add_weights(page, rows, row + r, rows.scores + r * kPageSlots, sums + rows.head[row + r] * stride);
    }
  }
}

}  // namespace

size_t f16_capture_scratch(const AttentionShape& shape) {
  return sizeof(float) * scratch_floats(padded_head_dim(shape.head_dim)) + unpack_bytes(shape.head_dim);
}

void f16_capture(const CapturePart& part, const AttentionShape& shape) {
  const int padded = padded_head_dim(shape.head_dim);
  const Rows rows = split(part.scratch, padded);
  for (int g = 0; g < shape.group; ++g) {
    for (int s = 0; s < part.n_pages * kPageSlots; s += kLanes)
      store(part.sums + g * part.sums_stride + s, zero());
  }
  const int total = part.n_queries * shape.group;
  for (int from = 0; from < total; from += kBlockRows) {
    const int count = total - from < kBlockRows ? total - from : kBlockRows;
    load_rows(part, shape, from, count, rows);
    for (int p = 0; p < part.n_pages; ++p) {
      if (sees_none(part.pages[p], rows.first[0], rows.last[count - 1])) continue;
      capture_page(part.pages[p], shape.head_dim, rows, count, part.sums + p * kPageSlots, part.sums_stride);
    }
  }
}

void f16_key_norms(const PageView* pages, int n_pages, int head_dim, float* norms) {
  const int padded = padded_head_dim(head_dim);
  for (int p = 0; p < n_pages; ++p) {
    for (int g = 0; g < kKeyGroups; ++g) {
      const uint16_t* keys = page_keys(pages[p]) + g * padded * kKeyGroup;
      F32x16 sum = zero();
      for (int c = 0; c < padded; ++c) {
        const F32x16 key = load_f16(keys + c * kKeyGroup);
        sum = fma(key, key, sum);
      }
      const int slot = g * kKeyGroup;
      const Mask16 held = in_range(pages[p].positions + slot, INT32_MIN, kNoToken - 1);
      store(norms + p * kPageSlots + slot, select(held, sqrt(sum), zero()));
    }
  }
}

}  // namespace kvcompress::KVC_ISA
