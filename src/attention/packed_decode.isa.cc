// Decode over packed pages: the form scores a page's slots and adds up its values in a space of its own, and
// between the two its logits become weights. The query heads of a group go through a page together, so it is
// read once for all of them.
#include "attention/packed_decode.h"

#include "attention/online_softmax.h"
#include "attention/packed_scratch.h"

namespace kvcompress::KVC_ISA {
namespace {

void clear(const PackedScratch& at, int group, int width) {
  for (int g = 0; g < group; ++g) {
    for (int c = 0; c < width; c += 16) store(at.sums + g * width + c, zero());
    at.maximum[g] = kNoMaximum;
    at.total[g] = 0;
  }
}

// Brings the sums back from the form's space into the partial.
void write_partial(const DecodePart& part, const PackedForm& form, const PackedScratch& at, int group,
                   int padded) {
  form.finish(at.sums, group, at.output);
  for (int g = 0; g < group; ++g) {
    float* partial = part.partial + g * (padded + kPartialTail);
    for (int c = 0; c < padded; c += 16) store(partial + c, load(at.output + g * padded + c));
    partial_maximum(partial, padded) = at.maximum[g];
    partial_sum(partial, padded) = at.total[g];
  }
}

}  // namespace

void packed_decode(const DecodePart& part, const AttentionShape& shape, Precision precision) {
  const PackedForm& form = *part.pages[0].packed;
  const PackedScratch at = packed_scratch(part.scratch, form, shape);
  const int group = shape.group, width = form.sum_floats();
  const int32_t first = first_visible(part.position, shape.sliding_window);
  form.prepare(part.query, group, precision, at.queries);
  clear(at, group, width);
  for (int p = 0; p < part.n_pages; ++p) {
    const PageView& page = part.pages[p];
    if (sees_none(page, first, part.position)) {
      give_hidden_page(part, group, p);
      continue;
    }
    const std::byte* ahead = p + 1 < part.n_pages + part.n_following ? part.pages[p + 1].payload : nullptr;
    form.score(page.payload, at.queries, group, precision, at.logits, ahead);
    if (page.bias != nullptr || !sees_all(page, first, part.position)) {
      mask_page(page, first, part.position, at.logits, group);
    }
    for (int g = 0; g < group; ++g) {
      float* logits = at.logits + g * kPageSlots;
      if (part.logits != nullptr) {
        give_page(logits, part.logits + g * part.logits_stride + int64_t{p} * kPageSlots);
      }
      weigh_page(logits, at.sums + g * width, width, at.maximum[g], at.total[g]);
    }
    form.accumulate(page.payload, at.logits, group, precision, at.sums, ahead);
  }
  write_partial(part, form, at, group, padded_head_dim(shape.head_dim));
}

}  // namespace kvcompress::KVC_ISA
