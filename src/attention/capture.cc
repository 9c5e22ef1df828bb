// Score capture: items are runs of pages of one task, whose sums are disjoint.
#include <algorithm>  // std::min
#include <span>       // std::span

#include "attention/attention.h"
#include "attention/kernels.h"
#include "attention/scratch.h"

namespace kvcompress {
namespace {

constexpr int kRunPages = 8;

int64_t runs_of(const CaptureTask& task) {
  return (static_cast<int64_t>(task.pages.size()) + kRunPages - 1) / kRunPages;
}

}  // namespace

void capture_scores(std::span<const CaptureTask> tasks, const AttentionShape& shape, ThreadPool& pool,
                    const AttentionKernels& kernels) {
  int64_t items = 0;
  for (const CaptureTask& task : tasks) items += runs_of(task);

  pool.parallel_for(items, [&](int64_t item, int /*worker*/) {
    static thread_local Scratch scratch;
    size_t t = 0;
    while (item >= runs_of(tasks[t])) item -= runs_of(tasks[t++]);
    const CaptureTask& task = tasks[t];
    const int64_t first = item * kRunPages;
    const int64_t pages = static_cast<int64_t>(task.pages.size());
    kernels.capture({.pages = task.pages.data() + first,
                     .n_pages = static_cast<int>(std::min<int64_t>(kRunPages, pages - first)),
                     .queries = task.queries,
                     .query_stride = task.query_stride,
                     .log_sum_exp = task.log_sum_exp,
                     .positions = task.positions,
                     .n_queries = task.n_queries,
                     .sums = task.sums + first * kPageSlots,
                     .sums_stride = pages * kPageSlots,
                     .scratch = scratch.reserve(kernels.capture_scratch(shape))},
                    shape);
  });
}

}  // namespace kvcompress
