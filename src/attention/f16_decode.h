// Decode over f16 pages, for *.isa.cc files. A row is a query head; the rows of a group go through a page
// together, so a key or value is read and widened once for all of them. Math says in what precision products
// are taken (score and gather); sums are float32.
//
// Pages are not adjacent in memory, so while a page is read, the lines of the next one are asked for, in
// order and at the same pace. They go to the second-level cache: the few line buffers of the first level,
// with memory's latency, would hold reading to half of what the machine can do. The hardware's own prefetch
// starts anew in each 4 KB, so a page is read as several streams side by side.
#pragma once

#include "attention/f16_kernels.h"
#include "attention/online_softmax.h"  // mask_page, weigh_page, give_page

namespace kvcompress::KVC_ISA {

static constexpr int kMaxRows = kVectorRegisters >= 32 ? 8 : 6;  // rows that share one pass
static constexpr int kLineHalves = 32;                           // f16 numbers in a cache line

// Vectors of data that rows share: accumulators, the data and a broadcast have to fit the registers.
KVC_INLINE constexpr int width_for(int rows) {
  return rows * 4 + 4 + 1 <= kVectorRegisters ? 4 : rows * 2 + 2 + 1 <= kVectorRegisters ? 2 : 1;
}

// One page and some rows of one task.
struct PagePass {
  const PageView* page;
  const std::byte* ahead;       // payload to prefetch while this page is read
  const float* query;           // [rows][padded]
  const uint16_t* query_pairs;  // the same in BF16, for the math that wants it
  float* partial;               // [rows][partial_floats]
  float* logits;                // of the page's first slot, rows logits_stride apart; nullptr: not wanted
  int64_t logits_stride;
  int padded;
  int32_t first, last;  // positions that the query sees
  bool masked;          // some slot of the page is hidden
};

KVC_INLINE void prefetch_keys(const PagePass& pass, int line) {
  prefetch_far(reinterpret_cast<const uint16_t*>(pass.ahead) + line * kLineHalves);
}
// The i-th slot that is read, `c` channels in.
KVC_INLINE void prefetch_values(const PagePass& pass, int i, int c) {
  prefetch_far(reinterpret_cast<const uint16_t*>(pass.ahead) + (kPageSlots + i) * pass.padded + c);
}

// Slots are read as four streams; kStep neighbours at a time.
template <int kStep>
KVC_INLINE int slot_at(int i) {
  constexpr int kStreams = 4;
  return i % kStreams * (kPageSlots / kStreams) + i / kStreams * kStep;
}

template <class Math, int kRows>
void pass_page(const PagePass& pass) {
  alignas(64) float scores[kRows][kPageSlots];
  constexpr int kWide = width_for(kRows);
  for (int g = 0; g < kKeyGroups; g += kWide) Math::template score<kRows, kWide>(pass, g, scores);
  if (pass.masked || pass.page->bias != nullptr) {
    mask_page(*pass.page, pass.first, pass.last, &scores[0][0], kRows);
  }
  for (int r = 0; r < kRows; ++r) {
    if (pass.logits != nullptr) give_page(scores[r], pass.logits + r * pass.logits_stride);
    float* partial = pass.partial + r * (pass.padded + kPartialTail);
    weigh_page(scores[r], partial, pass.padded, partial_maximum(partial, pass.padded),
               partial_sum(partial, pass.padded));
  }
  const typename Math::template Weights<kRows> weights(scores);
  int c = 0;
  for (; c + kWide * kLanes <= pass.padded; c += kWide * kLanes) {
    Math::template gather<kRows, kWide>(pass, c, weights);
  }
  if constexpr (kWide == 4) {
    if (c + 2 * kLanes <= pass.padded) {
      Math::template gather<kRows, 2>(pass, c, weights);
      c += 2 * kLanes;
    }
  }
  if constexpr (kWide > 1) {
    if (c < pass.padded) Math::template gather<kRows, 1>(pass, c, weights);
  }
}

template <class Math>
struct Passes {
  using Function = void (*)(const PagePass& pass);
  static constexpr Function kByRows[] = {nullptr,
                                         pass_page<Math, 1>,
                                         pass_page<Math, 2>,
                                         pass_page<Math, 3>,
                                         pass_page<Math, 4>,
                                         pass_page<Math, 5>,
                                         pass_page<Math, 6>,
                                         pass_page<Math, 7>,
                                         pass_page<Math, 8>};
};

KVC_INLINE void clear_partials(const DecodePart& part, int group, int padded) {
  for (int g = 0; g < group; ++g) {
    float* partial = part.partial + g * (padded + kPartialTail);
    for (int c = 0; c < padded; c += kLanes) store(partial + c, zero());
    partial_maximum(partial, padded) = kNoMaximum;
    partial_sum(partial, padded) = 0;
  }
}

template <class Math>
KVC_INLINE void decode(const DecodePart& part, const AttentionShape& shape, const uint16_t* query_pairs) {
  const int padded = padded_head_dim(shape.head_dim);
  const int32_t first = first_visible(part.position, shape.sliding_window);
  clear_partials(part, shape.group, padded);
  const int passes = (shape.group + kMaxRows - 1) / kMaxRows;
  for (int p = 0; p < part.n_pages; ++p) {
    const PageView& page = part.pages[p];
    if (sees_none(page, first, part.position)) {
      give_hidden_page(part, shape.group, p);
      continue;
    }
    PagePass pass{.page = &page,
                  .ahead = part.pages[p + 1 < part.n_pages + part.n_following ? p + 1 : p].payload,
                  .query = nullptr,
                  .query_pairs = nullptr,
                  .partial = nullptr,
                  .logits = nullptr,
                  .logits_stride = part.logits_stride,
                  .padded = padded,
                  .first = first,
                  .last = part.position,
                  .masked = !sees_all(page, first, part.position)};
    for (int i = 0; i < passes; ++i) {
      const int row = shape.group * i / passes;
      const int rows = shape.group * (i + 1) / passes - row;
      pass.query = part.query + row * padded;
      pass.query_pairs = query_pairs == nullptr ? nullptr : query_pairs + row * padded;
      pass.partial = part.partial + row * (padded + kPartialTail);
      if (part.logits != nullptr) {
        pass.logits = part.logits + row * part.logits_stride + int64_t{p} * kPageSlots;
      }
      Passes<Math>::kByRows[rows](pass);
    }
  }
}

}  // namespace kvcompress::KVC_ISA
