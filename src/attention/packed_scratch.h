// The scratch memory of decode over packed pages of one form.
#pragma once

#include "attention/kernels.h"
#include "codec/packed_form.h"  // PackedForm

namespace kvcompress {

struct PackedScratch {
  std::byte* queries;  // [query_bytes] as the form wants them
  float* logits;       // [group][kPageSlots] of a page, then weights
  float* sums;         // [group][sum_floats]
  float* output;       // [group][padded_head_dim]
  float* maximum;      // [group] greatest logit
  float* total;        // [group] sum of weights
  size_t bytes;        // of all of them
};

// base may be nullptr where only the size is wanted.
KVC_EVERYWHERE PackedScratch packed_scratch(std::byte* base, const PackedForm& form,
                                            const AttentionShape& shape) {
  const auto group = static_cast<size_t>(shape.group);
  PackedScratch scratch{};
  const auto place = [&](size_t bytes) __attribute__((always_inline)) {
    const size_t begin = scratch.bytes;
    scratch.bytes += (bytes + 63) / 64 * 64;
    return base == nullptr ? nullptr : base + begin;
  };
  const auto floats = [&](size_t count) __attribute__((always_inline)) {
    return reinterpret_cast<float*>(place(count * sizeof(float)));
  };
  scratch.queries = place(form.query_bytes(shape.group));
  scratch.logits = floats(group * kPageSlots);
  scratch.sums = floats(group * form.sum_floats());
  scratch.output = floats(group * padded_head_dim(shape.head_dim));
  scratch.maximum = floats(group);
  scratch.total = floats(group);
  return scratch;
}

}  // namespace kvcompress
