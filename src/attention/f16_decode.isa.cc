// Decode over f16 pages. A row is a query head; the rows of a group go through a page together, so a key or
// value is read and widened once for all of them. Everything is float32 from there on.
//
// Pages are not adjacent in memory and the hardware's prefetch stops at 4 KB, so while a page is read, the
// lines of the next one are asked for at the same pace.
#include "attention/f16_kernels.h"

namespace kvcompress::KVC_ISA {
namespace {

constexpr int kMaxRows = kVectorRegisters >= 32 ? 8 : 6;  // rows that share one pass
constexpr int kLineHalves = 32;                           // f16 numbers in a cache line
constexpr float kHidden = -__builtin_inff();

// Accumulators, one vector of data for each, and a broadcast have to fit the registers.
constexpr bool fits(int rows, int wide) { return rows * wide + wide + 1 <= kVectorRegisters; }
constexpr int width_for(int rows) { return fits(rows, 4) ? 4 : fits(rows, 2) ? 2 : 1; }

// One page and some rows of one task.
struct PagePass {
  const PageView* page;
  const std::byte* ahead;  // payload to prefetch while this page is read
  const float* query;      // [rows][padded]
  float* partial;          // [rows][partial_floats]
  int padded;
  int32_t first, last;  // positions that the query sees
  bool masked;          // some slot of the page is hidden
};

// scores[row][slot] = query . key for kGroups groups of 16 slots, starting with `group`.
template <int kRows, int kGroups>
KVC_INLINE void score_groups(const PagePass& pass, int group, float (&scores)[kRows][kPageSlots]) {
  const int padded = pass.padded;
  const uint16_t* keys = page_keys(*pass.page) + group * padded * kKeyGroup;
  const uint16_t* ahead = reinterpret_cast<const uint16_t*>(pass.ahead) + group * padded * kKeyGroup;
  F32x16 sums[kRows][kGroups];
  for (int r = 0; r < kRows; ++r) {
    for (int g = 0; g < kGroups; ++g) sums[r][g] = zero();
  }
  for (int c = 0; c < padded; c += 2) {
    for (int g = 0; g < kGroups; ++g) prefetch(ahead + (c * kGroups / 2 + g) * kLineHalves);
    for (int odd = 0; odd < 2; ++odd) {
      F32x16 key[kGroups];
      for (int g = 0; g < kGroups; ++g) key[g] = load_f16(keys + (g * padded + c + odd) * kKeyGroup);
      for (int r = 0; r < kRows; ++r) {
        const F32x16 q = broadcast(pass.query[r * padded + c + odd]);
        for (int g = 0; g < kGroups; ++g) sums[r][g] = fma(key[g], q, sums[r][g]);
      }
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int g = 0; g < kGroups; ++g) store(&scores[r][(group + g) * kKeyGroup], sums[r][g]);
  }
}

// Adds the bias and hides what the query does not see.
template <int kRows>
KVC_INLINE void apply_mask(const PagePass& pass, float (&scores)[kRows][kPageSlots]) {
  const PageView& page = *pass.page;
  for (int s = 0; s < kPageSlots; s += kLanes) {
    const Mask16 seen = in_range(page.positions + s, pass.first, pass.last);
    const F32x16 bias = page.bias == nullptr ? zero() : mul(load(page.bias + s), broadcast(kLog2E));
    for (int r = 0; r < kRows; ++r) {
      const F32x16 score = add(load(&scores[r][s]), bias);
      store(&scores[r][s], select(seen, score, broadcast(kHidden)));
    }
  }
}

// Turns a row's scores into weights and brings its partial to the new maximum.
KVC_INLINE void weigh(float (&scores)[kPageSlots], float* partial, int padded) {
  F32x16 score[kKeyGroups];
  for (int g = 0; g < kKeyGroups; ++g) score[g] = load(scores + g * kLanes);
  const F32x16 greatest = max(max(score[0], score[1]), max(score[2], score[3]));
  float maximum = partial_maximum(partial, padded);
  float sum = partial_sum(partial, padded);
  if (any_greater(greatest, broadcast(maximum))) {
    const float raised = reduce_max(greatest);
    const F32x16 shrink = exp2(broadcast(maximum - raised));
    for (int c = 0; c < padded; c += kLanes) store(partial + c, mul(load(partial + c), shrink));
    float factor[kLanes];
    store(factor, shrink);
    sum *= factor[0];
    maximum = raised;
    partial_maximum(partial, padded) = raised;
  }
  F32x16 weight[kKeyGroups];
  for (int g = 0; g < kKeyGroups; ++g) {
    weight[g] = exp2(sub(score[g], broadcast(maximum)));
    store(scores + g * kLanes, weight[g]);
  }
  partial_sum(partial, padded) = sum + reduce_add(add(add(weight[0], weight[1]), add(weight[2], weight[3])));
}

// partial[row][c ..] += weights[row] . values, for kWide vectors of channels from c on. Unwritten slots are
// not read: what they hold may not even be a number.
template <int kRows, int kWide>
KVC_INLINE void gather(const PagePass& pass, int c, const float (&weights)[kRows][kPageSlots]) {
  const int padded = pass.padded;
  const int stride = padded + kPartialTail;
  const uint16_t* values = page_values(*pass.page, padded) + c;
  const uint16_t* ahead = reinterpret_cast<const uint16_t*>(pass.ahead) + kPageSlots * padded + c;
  F32x16 sums[kRows][kWide];
  for (int r = 0; r < kRows; ++r) {
    for (int w = 0; w < kWide; ++w) sums[r][w] = load(pass.partial + r * stride + c + w * kLanes);
  }
  const int used = pass.page->used;
  // Four rows of slots side by side, because the hardware's prefetch starts anew in each 4 KB.
  for (int i = 0; i < kPageSlots; ++i) {
    const int s = i % 4 * (kPageSlots / 4) + i / 4;
    if (s >= used) continue;
    for (int w = 0; w < kWide; w += 2) prefetch(ahead + i * padded + w * kLanes);
    F32x16 value[kWide];
    for (int w = 0; w < kWide; ++w) value[w] = load_f16(values + s * padded + w * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const F32x16 weight = broadcast(weights[r][s]);
      for (int w = 0; w < kWide; ++w) sums[r][w] = fma(value[w], weight, sums[r][w]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int w = 0; w < kWide; ++w) store(pass.partial + r * stride + c + w * kLanes, sums[r][w]);
  }
}

template <int kRows>
void pass_page(const PagePass& pass) {
  alignas(64) float scores[kRows][kPageSlots];
  constexpr int kGroups = width_for(kRows);
  for (int group = 0; group < kKeyGroups; group += kGroups) score_groups<kRows, kGroups>(pass, group, scores);
  if (pass.masked || pass.page->bias != nullptr) apply_mask(pass, scores);
  for (int r = 0; r < kRows; ++r) {
    weigh(scores[r], pass.partial + r * (pass.padded + kPartialTail), pass.padded);
  }
  constexpr int kWide = width_for(kRows);
  int c = 0;
  for (; c + kWide * kLanes <= pass.padded; c += kWide * kLanes) gather<kRows, kWide>(pass, c, scores);
  if constexpr (kWide == 4) {
    if (c + 2 * kLanes <= pass.padded) {
      gather<kRows, 2>(pass, c, scores);
      c += 2 * kLanes;
    }
  }
  if constexpr (kWide > 1) {
    if (c < pass.padded) gather<kRows, 1>(pass, c, scores);
  }
}

using PassFunction = void (*)(const PagePass& pass);
constexpr PassFunction kPasses[] = {nullptr,      pass_page<1>, pass_page<2>, pass_page<3>, pass_page<4>,
                                    pass_page<5>, pass_page<6>, pass_page<7>, pass_page<8>};

void clear_partials(const DecodePart& part, int group, int padded) {
  for (int g = 0; g < group; ++g) {
    float* partial = part.partial + g * (padded + kPartialTail);
    for (int c = 0; c < padded; c += kLanes) store(partial + c, zero());
    partial_maximum(partial, padded) = kNoMaximum;
    partial_sum(partial, padded) = 0;
  }
}

}  // namespace

void f16_decode(const DecodePart& part, const AttentionShape& shape) {
  const int padded = padded_head_dim(shape.head_dim);
  const int32_t first = first_visible(part.position, shape.sliding_window);
  clear_partials(part, shape.group, padded);
  const int passes = (shape.group + kMaxRows - 1) / kMaxRows;
  for (int p = 0; p < part.n_pages; ++p) {
    const PageView& page = part.pages[p];
    if (sees_none(page, first, part.position)) continue;
    PagePass pass{.page = &page,
                  .ahead = part.pages[p + 1 < part.n_pages + part.n_following ? p + 1 : p].payload,
                  .query = nullptr,
                  .partial = nullptr,
                  .padded = padded,
                  .first = first,
                  .last = part.position,
                  .masked = !sees_all(page, first, part.position)};
    for (int i = 0; i < passes; ++i) {
      const int row = shape.group * i / passes;
      const int rows = shape.group * (i + 1) / passes - row;
      pass.query = part.query + row * padded;
      pass.partial = part.partial + row * (padded + kPartialTail);
      kPasses[rows](pass);
    }
  }
}

}  // namespace kvcompress::KVC_ISA
