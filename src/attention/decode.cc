// Decode: each task's pages are cut into ranges, the ranges are computed in any order by any thread, and
// whoever finishes a task's last range merges them in order. The cut depends on the numbers of packed and of
// exact pages alone, so a result does not depend on the threads or on the other tasks.
#include <algorithm>  // std::min, std::max, std::partition_point
#include <atomic>     // std::atomic
#include <cmath>      // std::exp2
#include <cstring>    // std::memcpy, std::memset
#include <span>       // std::span

#include "attention/attention.h"
#include "attention/kernels.h"
#include "attention/merge.h"
#include "attention/packed_scratch.h"
#include "attention/scratch.h"

namespace kvcompress {
namespace {

// Pages in a range: about 10 us of reading, long against the claiming of an item and the merge.
constexpr int kRangePages = 16;
// Calls with no more pages than this stay on the calling thread: waking another costs more than it gives.
constexpr int64_t kAlonePages = 6;

struct TaskPlan {
  int64_t first_range;
  int ranges;
  int packed_pages;  // in front
  std::atomic<int> unfinished;
};

struct Plan {
  TaskPlan* tasks;
  int32_t* range_task;  // [ranges] the task of each
  float* queries;       // [tasks][group][padded_head_dim]
  float* partials;      // [ranges][group][partial_floats]
  int64_t ranges;
  int64_t pages;
};

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

int ranges_of(int64_t pages) { return static_cast<int>((pages + kRangePages - 1) / kRangePages); }

int packed_pages_of(const DecodeTask& task) {
  const auto is_packed = [](const PageView& page) { return page.packed != nullptr; };
  return static_cast<int>(std::partition_point(task.pages.begin(), task.pages.end(), is_packed) -
                          task.pages.begin());
}

int ranges_of(const DecodeTask& task, int packed_pages) {
  return ranges_of(packed_pages) + ranges_of(static_cast<int64_t>(task.pages.size()) - packed_pages);
}

// Pages [first, first + count) of a task, and how many of the same form follow them.
struct Range {
  int64_t first, count, following;
};

Range range_of(const DecodeTask& task, int packed_pages, int64_t index) {
  const int64_t packed_ranges = ranges_of(packed_pages);
  const bool packed = index < packed_ranges;
  const int64_t end = packed ? packed_pages : static_cast<int64_t>(task.pages.size());
  const int64_t first = packed ? index * kRangePages : packed_pages + (index - packed_ranges) * kRangePages;
  const int64_t count = std::min<int64_t>(kRangePages, end - first);
  return {first, count, end - first - count};
}

void scale_queries(const DecodeTask& task, const AttentionShape& shape, float* out) {
  const int padded = padded_head_dim(shape.head_dim);
  const float scale = shape.scale * kLog2E;
  for (int g = 0; g < shape.group; ++g) {
    const float* query = task.query + g * shape.head_dim;
    float* row = out + g * padded;
    for (int c = 0; c < shape.head_dim; ++c) row[c] = query[c] * scale;
    for (int c = shape.head_dim; c < padded; ++c) row[c] = 0;
  }
}

Plan make_plan(std::span<const DecodeTask> tasks, const AttentionShape& shape, Scratch& scratch) {
  Plan plan{};
  for (const DecodeTask& task : tasks) {
    plan.ranges += ranges_of(task, packed_pages_of(task));
    plan.pages += static_cast<int64_t>(task.pages.size());
  }
  const size_t query_floats = static_cast<size_t>(shape.group) * padded_head_dim(shape.head_dim);
  const size_t partial_row = static_cast<size_t>(shape.group) * partial_floats(shape.head_dim);
  const size_t task_bytes = aligned(tasks.size() * sizeof(TaskPlan));
  const size_t index_bytes = aligned(plan.ranges * sizeof(int32_t));
  const size_t query_bytes = tasks.size() * query_floats * sizeof(float);
  std::byte* memory =
      scratch.reserve(task_bytes + index_bytes + query_bytes + plan.ranges * partial_row * sizeof(float));
  plan.tasks = reinterpret_cast<TaskPlan*>(memory);
  plan.range_task = reinterpret_cast<int32_t*>(memory + task_bytes);
  plan.queries = reinterpret_cast<float*>(memory + task_bytes + index_bytes);
  plan.partials = reinterpret_cast<float*>(memory + task_bytes + index_bytes + query_bytes);

  int64_t range = 0;
  for (size_t t = 0; t < tasks.size(); ++t) {
    const int packed_pages = packed_pages_of(tasks[t]);
    const int ranges = ranges_of(tasks[t], packed_pages);
    new (&plan.tasks[t]) TaskPlan{range, ranges, packed_pages, ranges};
    for (int i = 0; i < ranges; ++i) plan.range_task[range++] = static_cast<int32_t>(t);
    scale_queries(tasks[t], shape, plan.queries + t * query_floats);
  }
  return plan;
}

void finish(const DecodeTask& task, const AttentionShape& shape, const float* partials, int ranges) {
  const int stride = partial_floats(shape.head_dim);
  for (int g = 0; g < shape.group; ++g) {
    const float log_sum_exp =
        merge_partials(ranges > 0 ? partials + g * stride : nullptr, ranges, shape.group * stride,
                       shape.head_dim, task.output + g * shape.head_dim);
    if (task.log_sum_exp != nullptr) task.log_sum_exp[g] = log_sum_exp;
  }
}

}  // namespace

void attend_decode(std::span<const DecodeTask> tasks, const AttentionShape& shape, Precision precision,
                   ThreadPool& pool, const AttentionKernels& kernels) {
  const auto exact_kernel = precision == Precision::fast ? kernels.decode_fast : kernels.decode_exact;
  static thread_local Scratch scratch;
  const Plan plan = make_plan(tasks, shape, scratch);
  const int64_t partial_row = int64_t{shape.group} * partial_floats(shape.head_dim);
  const int64_t query_floats = int64_t{shape.group} * padded_head_dim(shape.head_dim);

  const auto compute = [&](DecodePart part) {
    const PackedForm* const form = part.pages[0].packed;
    if (form == nullptr) return exact_kernel(part, shape);
    static thread_local Scratch packed;
    part.scratch = packed.reserve(packed_scratch(nullptr, *form, shape).bytes);
    kernels.decode_packed(part, shape, precision);
  };
  auto compute_range = [&](int64_t range, int /*worker*/) {
    const int32_t t = plan.range_task[range];
    const DecodeTask& task = tasks[t];
    TaskPlan& task_plan = plan.tasks[t];
    const Range part = range_of(task, task_plan.packed_pages, range - task_plan.first_range);
    compute({.pages = task.pages.data() + part.first,
             .n_pages = static_cast<int>(part.count),
             .n_following = static_cast<int>(part.following),
             .query = plan.queries + t * query_floats,
             .position = task.position,
             .partial = plan.partials + range * partial_row,
             .logits = task.logits == nullptr ? nullptr : task.logits + part.first * kPageSlots,
             .logits_stride = static_cast<int64_t>(task.pages.size()) * kPageSlots});
    if (task_plan.unfinished.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      finish(task, shape, plan.partials + task_plan.first_range * partial_row, task_plan.ranges);
    }
  };

  if (plan.pages <= kAlonePages) {
    for (int64_t range = 0; range < plan.ranges; ++range) compute_range(range, 0);
  } else {
    pool.parallel_for(plan.ranges, compute_range);
  }
  for (size_t t = 0; t < tasks.size(); ++t) {
    if (plan.tasks[t].ranges == 0) finish(tasks[t], shape, nullptr, 0);
  }
}

}  // namespace kvcompress
