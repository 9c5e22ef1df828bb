// The plain twin of decode over packed pages.
#include "attention/packed_scalar.h"

#include <algorithm>  // std::copy_n, std::fill_n, std::max
#include <cmath>      // std::exp2
#include <limits>     // std::numeric_limits

#include "attention/packed_scratch.h"

namespace kvcompress::scalar {
namespace {

// The scores of one query head and page, masked and with their bias, become weights; `sums` shrink when the
// maximum rises.
void weigh(const PageView& page, int32_t first, int32_t last, float* scores, float* logits, float* sums,
           int width, float& maximum, float& total) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  float greatest = maximum;
  for (int slot = 0; slot < kPageSlots; ++slot) {
    const bool seen = page.positions[slot] >= first && page.positions[slot] <= last;
    const float bias = page.bias == nullptr ? 0 : page.bias[slot] * kLog2E;
    scores[slot] = seen ? scores[slot] + bias : -kInfinity;
    if (logits != nullptr) logits[slot] = scores[slot] * kLn2;
    greatest = std::max(greatest, scores[slot]);
  }
  const float shrink = std::exp2(maximum - greatest);
  for (int c = 0; c < width; ++c) sums[c] *= shrink;
  total *= shrink;
  maximum = greatest;
  for (int slot = 0; slot < kPageSlots; ++slot) {
    scores[slot] = std::exp2(scores[slot] - maximum);
    total += scores[slot];
  }
}

}  // namespace

void packed_decode(const DecodePart& part, const AttentionShape& shape, Precision precision) {
  const PackedForm& form = *part.pages[0].packed;
  const PackedScratch at = packed_scratch(part.scratch, form, shape);
  const int width = form.sum_floats(), padded = padded_head_dim(shape.head_dim);
  const int32_t first = first_visible(part.position, shape.sliding_window);
  form.prepare(part.query, shape.group, precision, at.queries);
  std::fill_n(at.sums, shape.group * width, 0.0f);
  std::fill_n(at.maximum, shape.group, kNoMaximum);
  std::fill_n(at.total, shape.group, 0.0f);
  for (int p = 0; p < part.n_pages; ++p) {
    const PageView& page = part.pages[p];
    form.score(page.payload, at.queries, shape.group, precision, at.logits);
    for (int g = 0; g < shape.group; ++g) {
      float* const logits =
          part.logits == nullptr ? nullptr : part.logits + g * part.logits_stride + int64_t{p} * kPageSlots;
      weigh(page, first, part.position, at.logits + g * kPageSlots, logits, at.sums + g * width, width,
            at.maximum[g], at.total[g]);
    }
    form.accumulate(page.payload, at.logits, shape.group, precision, at.sums);
  }
  form.finish(at.sums, shape.group, at.output);
  for (int g = 0; g < shape.group; ++g) {
    float* partial = part.partial + g * partial_floats(shape.head_dim);
    std::copy_n(at.output + g * padded, padded, partial);
    partial_maximum(partial, padded) = at.maximum[g];
    partial_sum(partial, padded) = at.total[g];
  }
}

}  // namespace kvcompress::scalar
