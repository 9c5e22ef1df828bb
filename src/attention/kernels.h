// What attention needs of an instruction set: one table of plain functions, over plain structs. A second
// instruction set is one more table; the callers (decode.cc, prefill.cc, capture.cc) do not change.
//
// Packed pages: decode works on them as they are stored, by the steps of their form (packed_form.h). All else
// reads them many rows at a time and decodes one page at a time into its scratch memory (unpack.h).
//
// Logits are kept in units of log 2 inside the kernels: queries are multiplied by scale * log2(e), biases by
// log2(e), so that a weight is one exp2.
#pragma once

#include <cstddef>  // std::byte, size_t
#include <cstdint>  // int32_t

#include "attention/attention.h"  // AttentionShape
#include "cache/page_view.h"      // PageView
#include "codec/page_form.h"      // padded_head_dim
#include "compute/isa.h"          // Isa

namespace kvcompress {

inline constexpr float kLog2E = 1.44269504088896341f;
inline constexpr float kLn2 = 0.693147180559945309f;

// The maximum of no logits. Finite, so that a hidden logit (-inf) minus it is -inf and its weight 0, never
// NaN.
inline constexpr float kNoMaximum = -1e30f;

// An unfinished softmax-weighted sum of one query head over some pages: [padded_head_dim] sums of weight *
// value, then the greatest logit (log 2 units; kNoMaximum for none) and the sum of the weights 2^(logit -
// greatest). The functions below are forced inline because files compiled for newer processors use them too
// (compute/simd/simd.h).
#define KVC_EVERYWHERE static inline __attribute__((always_inline))
inline constexpr int kPartialTail = 16;  // keeps every partial 64-byte aligned
constexpr int partial_floats(int head_dim) { return padded_head_dim(head_dim) + kPartialTail; }
KVC_EVERYWHERE float& partial_maximum(float* partial, int padded) { return partial[padded]; }
KVC_EVERYWHERE float& partial_sum(float* partial, int padded) { return partial[padded + 1]; }

// One token's queries against a run of pages, all in f16 form or all in one packed form.
struct DecodePart {
  const PageView* pages;
  int n_pages;
  int n_following;  // pages of the same head that lie behind these in the list, worth prefetching
  const float*
      query;  // [group][padded_head_dim], times scale * log2(e), zero beyond head_dim, 64-byte aligned
  int32_t position;
  float* partial;                // [group][partial_floats], 64-byte aligned; overwritten
  float* logits = nullptr;       // as in DecodeTask, of these pages
  int64_t logits_stride = 0;     // floats between the heads of the group
  std::byte* scratch = nullptr;  // for packed pages: packed_scratch(...).bytes, 64-byte aligned
};

// A block of consecutive queries against all pages.
struct PrefillBlock {
  const PageView* pages;
  int n_pages;
  const float* queries;  // as in PrefillTask, of the block's first query
  int64_t query_stride;
  float* output;
  int64_t output_stride;
  float* log_sum_exp;        // [n_queries][group], or nullptr
  const int32_t* positions;  // [n_queries] ascending
  int n_queries;             // at most prefill_queries(group)
  // [group][n_pages * kPageSlots], of this block's queries alone, overwritten; or nullptr.
  float* column_sums;
  std::byte* scratch;  // prefill_scratch bytes, 64-byte aligned
};

// All queries of a capture against a run of pages.
struct CapturePart {
  const PageView* pages;
  int n_pages;
  const float* queries;  // as in CaptureTask
  int64_t query_stride;
  const float* log_sum_exp;
  const int32_t* positions;
  int n_queries;
  float* sums;          // [group] rows of n_pages * kPageSlots; overwritten
  int64_t sums_stride;  // floats between the rows
  std::byte* scratch;   // capture_scratch bytes, 64-byte aligned
};

struct AttentionKernels {
  void (*decode_fast)(const DecodePart& part, const AttentionShape& shape);
  void (*decode_exact)(const DecodePart& part, const AttentionShape& shape);
  void (*decode_packed)(const DecodePart& part, const AttentionShape& shape, Precision precision);
  void (*prefill_fast)(const PrefillBlock& block, const AttentionShape& shape);
  void (*prefill_exact)(const PrefillBlock& block, const AttentionShape& shape);
  // For a block of either kind; column_pages: of one that gives column sums, else 0.
  size_t (*prefill_scratch)(const AttentionShape& shape, int n_queries, int column_pages);
  void (*capture)(const CapturePart& part, const AttentionShape& shape);
  size_t (*capture_scratch)(const AttentionShape& shape);
  // Of pages in f16 form.
  void (*key_norms)(const PageView* pages, int n_pages, int head_dim, float* norms);
};

// Queries in a block of prefill: as many rows (query heads) as let the keys and values, converted once per
// block, pay for that, and whose queries and sums still fit a 1 MB second-level cache at head_dim 128.
inline constexpr int kPrefillRows = 288;
constexpr int prefill_queries(int group) { return kPrefillRows / group > 0 ? kPrefillRows / group : 1; }

// The same where column sums are wanted. Such a block keeps its weights (2 bytes each, 4 in float32), so the
// longer the cache the fewer its rows, but no fewer than still pay for converting keys and values. A slot
// then needs 192 bytes per thread (float32: 384), no more than the slot's keys and values in one or two heads
// of one layer.
inline constexpr int64_t kKeptWeights = int64_t{8} << 20;
inline constexpr int kLeastKeptRows = 96;
constexpr int column_queries(int group, int64_t pages) {
  int64_t rows = kKeptWeights / (pages > 0 ? pages * kPageSlots : 1);
  rows = rows < kLeastKeptRows ? kLeastKeptRows : rows < kPrefillRows ? rows : kPrefillRows;
  return rows / group > 0 ? static_cast<int>(rows / group) : 1;
}

// The kernels of `isa`, or the plain ones when it has none of its own.
const AttentionKernels& attention_kernels(Isa isa);

// The first position that a query at `position` sees.
KVC_EVERYWHERE int32_t first_visible(int32_t position, int32_t sliding_window) {
  return sliding_window > 0 && position >= sliding_window ? position - sliding_window + 1 : INT32_MIN;
}

// Whether a query that sees positions [first, last] sees every slot of a page, or none.
KVC_EVERYWHERE bool sees_all(const PageView& page, int32_t first, int32_t last) {
  return page.live == kPageSlots && page.first_position >= first && page.last_position <= last;
}
KVC_EVERYWHERE bool sees_none(const PageView& page, int32_t first, int32_t last) {
  return page.live == 0 || page.last_position < first || page.first_position > last;
}

// The operations of attention.h with chosen kernels, for tests and benchmarks.
void attend_decode(std::span<const DecodeTask> tasks, const AttentionShape& shape, Precision precision,
                   ThreadPool& pool, const AttentionKernels& kernels);
void attend_prefill(std::span<const PrefillTask> tasks, const AttentionShape& shape, Precision precision,
                    ThreadPool& pool, const AttentionKernels& kernels);
void capture_scores(std::span<const CaptureTask> tasks, const AttentionShape& shape, ThreadPool& pool,
                    const AttentionKernels& kernels);
void key_norms(std::span<const PageView> pages, int head_dim, float* norms, const AttentionKernels& kernels);

}  // namespace kvcompress
