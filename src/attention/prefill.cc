// Prefill: items are blocks of queries of one task. The last blocks see the most keys, so they come first and
// the short ones fill the gaps at the end. A row's arithmetic does not depend on the block it lies in.
#include <algorithm>  // std::min
#include <span>       // std::span

#include "attention/attention.h"
#include "attention/kernels.h"
#include "attention/scratch.h"

namespace kvcompress {
namespace {

struct BlockIndex {
  size_t task;
  int block;
};

int blocks_of(const PrefillTask& task, int queries) { return (task.n_queries + queries - 1) / queries; }

PrefillBlock make_block(const PrefillTask& task, int group, int first, int count, std::byte* scratch) {
  return {.pages = task.pages.data(),
          .n_pages = static_cast<int>(task.pages.size()),
          .queries = task.queries + first * task.query_stride,
          .query_stride = task.query_stride,
          .output = task.output + first * task.output_stride,
          .output_stride = task.output_stride,
          .log_sum_exp = task.log_sum_exp == nullptr ? nullptr : task.log_sum_exp + int64_t{first} * group,
          .positions = task.positions + first,
          .n_queries = count,
          .scratch = scratch};
}

// The n-th item of all tasks, counting every task's last block before any task's last but one.
BlockIndex find_block(std::span<const PrefillTask> tasks, int queries, int64_t item) {
  for (int from_end = 1;; ++from_end) {
    for (size_t t = 0; t < tasks.size(); ++t) {
      const int blocks = blocks_of(tasks[t], queries);
      if (blocks >= from_end && item-- == 0) return {t, blocks - from_end};
    }
  }
}

}  // namespace

void attend_prefill(std::span<const PrefillTask> tasks, const AttentionShape& shape, Precision precision,
                    ThreadPool& pool, const AttentionKernels& kernels) {
  const int queries = prefill_queries(shape.group);
  const auto kernel = precision == Precision::fast ? kernels.prefill_fast : kernels.prefill_exact;
  int64_t items = 0;
  for (const PrefillTask& task : tasks) items += blocks_of(task, queries);

  pool.parallel_for(items, [&](int64_t item, int /*worker*/) {
    static thread_local Scratch scratch;
    const auto [t, index] = find_block(tasks, queries, item);
    const int first = index * queries;
    const int count = std::min(queries, tasks[t].n_queries - first);
    kernel(make_block(tasks[t], shape.group, first, count, scratch.reserve(kernels.prefill_scratch(shape))),
           shape);
  });
}

}  // namespace kvcompress
