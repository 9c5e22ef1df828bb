// What decode kernels do with the logits of one page's 64 slots: mask them, turn them into weights, give them
// out. Rows are query heads; logits are in units of log 2. For *.isa.cc files.
#pragma once

#include "attention/kernels.h"
#include "compute/simd/simd.h"

namespace kvcompress::KVC_ISA {

// Adds the bias and hides what a query that sees positions [first, last] does not see. scores: [rows][64].
KVC_INLINE void mask_page(const PageView& page, int32_t first, int32_t last, float* scores, int rows) {
  for (int s = 0; s < kPageSlots; s += 16) {
    const Mask16 seen = in_range(page.positions + s, first, last);
    const F32x16 bias = page.bias == nullptr ? zero() : mul(load(page.bias + s), broadcast(kLog2E));
    for (int r = 0; r < rows; ++r) {
      float* const row = scores + r * kPageSlots + s;
      store(row, select(seen, add(load(row), bias), broadcast(-__builtin_inff())));
    }
  }
}

// Turns a row's scores into weights and brings its `width` sums and its total to the new maximum.
KVC_INLINE void weigh_page(float* scores, float* sums, int width, float& row_maximum, float& row_total) {
  F32x16 score[4];
  for (int v = 0; v < 4; ++v) score[v] = load(scores + v * 16);
  const F32x16 greatest = max(max(score[0], score[1]), max(score[2], score[3]));
  float maximum = row_maximum;
  float total = row_total;
  if (any_greater(greatest, broadcast(maximum))) {
    const float raised = reduce_max(greatest);
    const F32x16 shrink = exp2(broadcast(maximum - raised));
    for (int c = 0; c < width; c += 16) store(sums + c, mul(load(sums + c), shrink));
    float factor[16];
    store(factor, shrink);
    total *= factor[0];
    maximum = raised;
    row_maximum = raised;
  }
  F32x16 weight[4];
  for (int v = 0; v < 4; ++v) {
    weight[v] = exp2(sub(score[v], broadcast(maximum)));
    store(scores + v * 16, weight[v]);
  }
  row_total = total + reduce_add(add(add(weight[0], weight[1]), add(weight[2], weight[3])));
}

// Writes a row's scores out, in natural units.
KVC_INLINE void give_page(const float* scores, float* logits) {
  for (int s = 0; s < kPageSlots; s += 16) store(logits + s, mul(load(scores + s), broadcast(kLn2)));
}

// The logits of a page that the query does not see, where they are wanted.
KVC_INLINE void give_hidden_page(const DecodePart& part, int group, int page) {
  if (part.logits == nullptr) return;
  for (int g = 0; g < group; ++g) {
    float* logits = part.logits + g * part.logits_stride + int64_t{page} * kPageSlots;
    for (int s = 0; s < kPageSlots; s += 16) store(logits + s, broadcast(-__builtin_inff()));
  }
}

}  // namespace kvcompress::KVC_ISA
