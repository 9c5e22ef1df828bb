// Attention over ragged paged caches: prefill over a chunk, decode, and score capture. Each operation is
// declared here once, checked and dispatched once (attention.cc), and has kernels per instruction set beside
// a plain scalar twin. Keys are rotated already; queries come rotated and unscaled. All sums are float32.
// The pages of a task are those of one head, packed ones (all of one form) in front of exact ones.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "cache/page_view.h"      // PageView
#include "compute/precision.h"    // Precision
#include "compute/thread_pool.h"  // ThreadPool

namespace kvcompress {

// What all tasks of one call have in common.
struct AttentionShape {
  int head_dim;            // channels of a query and of a stored key or value (before padding to 16)
  int group;               // query heads that share one KV head
  float scale;             // multiplies q.k, usually 1 / sqrt(head_dim)
  int32_t sliding_window;  // > 0: a query at position p sees positions (p - window, p]; 0: all up to p
};

// One token's queries against one KV head.
struct DecodeTask {
  std::span<const PageView> pages;
  const float* query;  // [group][head_dim]
  float* output;       // [group][head_dim]
  float* log_sum_exp;  // [group] of the scaled logits (bias included), or nullptr
  int32_t position;    // of the query; its own key is in the pages already
  // [group][pages.size() * kPageSlots], by physical slot: the scaled logits (bias included) that the weights
  // came from, -inf where the mask hides the slot. nullptr: not wanted.
  float* logits = nullptr;
};

// A run of queries of one sequence against one KV head; the chunk's own keys are in the pages already.
struct PrefillTask {
  std::span<const PageView> pages;
  const float* queries;      // query i, head g of the group at queries[i * query_stride + g * head_dim]
  int64_t query_stride;      // floats
  float* output;             // laid out like the queries
  int64_t output_stride;     // floats
  float* log_sum_exp;        // [n_queries][group], or nullptr
  const int32_t* positions;  // [n_queries] ascending
  int n_queries;
  // [group][pages.size() * kPageSlots], by physical slot: the attention weight that each slot gets from these
  // queries, summed, is added to it (H2O's column sums; CaptureTask::sums of all queries at a fraction of the
  // cost). nullptr: not wanted. The same numbers for any number of threads. In a fast prefill the weights are
  // those that multiply the values, rounded to BF16; their sums are float32.
  float* column_sums = nullptr;
};

// Attention weights that rows of queries give to each slot, summed over the rows:
//   sums[g][slot] = sum over rows of exp(scale * q.k + bias - log_sum_exp[row][g]), 0 where the mask hides
//   the slot.
// With the last W queries of a prompt these are SnapKV's window sums (arXiv:2404.14469, section 4). For all
// queries, PrefillTask::column_sums costs less. Computed in float32.
struct CaptureTask {
  std::span<const PageView> pages;
  const float* queries;  // query i, head g at queries[i * query_stride + g * head_dim]
  int64_t query_stride;
  const float* log_sum_exp;  // [n_queries][group], as attention wrote it
  const int32_t* positions;  // [n_queries]
  int n_queries;
  float* sums;  // [group][pages.size() * kPageSlots], by physical slot; overwritten
};

// Splits all tasks by page range over the threads, so that one long sequence fills them all; the partial
// results are merged by their log-sum-exp.
// BF16 dot products with Precision::fast (where the machine has them), float32 with exact, which is the
// default.
void attend_decode(std::span<const DecodeTask> tasks, const AttentionShape& shape, Precision precision,
                   ThreadPool& pool);
void attend_decode(std::span<const DecodeTask> tasks, const AttentionShape& shape, ThreadPool& pool);

// Blocked matrix products: BF16 dot products with Precision::fast, float32 with exact.
void attend_prefill(std::span<const PrefillTask> tasks, const AttentionShape& shape, Precision precision,
                    ThreadPool& pool);

void capture_scores(std::span<const CaptureTask> tasks, const AttentionShape& shape, ThreadPool& pool);

// Euclidean norms of the stored keys by physical slot, [pages.size() * kPageSlots]; slots without a token get
// 0.
void key_norms(std::span<const PageView> pages, int head_dim, float* norms);

}  // namespace kvcompress
