// The kernels of one instruction set for pages in f16 form: keys [4 groups][padded_head_dim][16 slots], then
// values [64 slots][padded_head_dim]. For *.isa.cc files.
#pragma once

#include "attention/kernels.h"
#include "compute/simd/simd.h"

namespace kvcompress::KVC_ISA {

void f16_decode_fast(const DecodePart& part, const AttentionShape& shape);
void f16_decode_exact(const DecodePart& part, const AttentionShape& shape);
void f16_prefill_fast(const PrefillBlock& block, const AttentionShape& shape);
void f16_prefill_exact(const PrefillBlock& block, const AttentionShape& shape);
size_t f16_prefill_scratch(const AttentionShape& shape, int n_queries, int column_pages);
void f16_capture(const CapturePart& part, const AttentionShape& shape);
size_t f16_capture_scratch(const AttentionShape& shape);
void f16_key_norms(const PageView* pages, int n_pages, int head_dim, float* norms);

static constexpr int kLanes = 16;
static constexpr int kKeyGroups = kPageSlots / kKeyGroup;
static_assert(kKeyGroup == kLanes);

KVC_INLINE const uint16_t* page_keys(const PageView& page) {
  return reinterpret_cast<const uint16_t*>(page.payload);
}
KVC_INLINE const uint16_t* page_values(const PageView& page, int padded) {
  return page_keys(page) + kPageSlots * padded;
}

}  // namespace kvcompress::KVC_ISA
