// Prefill: items are blocks of queries of one task. The last blocks see the most keys, so they come first and
// the short ones fill the gaps at the end. A row's arithmetic does not depend on the block it lies in.
//
// Column sums: every block has sums of its own, which are added to the task's in the order of the items, so
// that the result does not depend on who computed what when. To bound that memory, items go in waves.
#include <algorithm>  // std::min
#include <span>       // std::span
#include <vector>     // std::vector

#include "attention/attention.h"
#include "attention/kernels.h"
#include "attention/scratch.h"

namespace kvcompress {
namespace {

constexpr int64_t kWaveFloats = int64_t{4} << 20;  // of column sums; a wave may exceed it by an item
constexpr int kWaveItemsPerThread = 4;             // at least, however large their column sums

struct Item {
  size_t task;
  int first, count;     // queries
  int64_t column_sums;  // floats of the wave's memory that lie before this item's
};

int block_queries(const PrefillTask& task, int group) {
  const int queries = prefill_queries(group);
  if (task.column_sums == nullptr) return queries;
  return std::min(queries, column_queries(group, static_cast<int64_t>(task.pages.size())));
}

int64_t column_floats(const PrefillTask& task, int group) {
  return task.column_sums == nullptr ? 0 : static_cast<int64_t>(task.pages.size()) * kPageSlots * group;
}

// Every task's last block before any task's last but one.
std::vector<Item> list_items(std::span<const PrefillTask> tasks, int group) {
  std::vector<Item> items;
  bool more = true;
  for (int from_end = 1; more; ++from_end) {
    more = false;
    for (size_t t = 0; t < tasks.size(); ++t) {
      const int queries = block_queries(tasks[t], group);
      const int first = ((tasks[t].n_queries + queries - 1) / queries - from_end) * queries;
      if (first < 0) continue;
      items.push_back({t, first, std::min(queries, tasks[t].n_queries - first), 0});
      more = true;
    }
  }
  return items;
}

// The first of the items, as many as have their column sums in memory at a time, and where each has its own.
std::span<Item> next_wave(std::span<const PrefillTask> tasks, int group, int threads, std::span<Item> items,
                          int64_t* floats) {
  const size_t least = static_cast<size_t>(threads) * kWaveItemsPerThread;
  size_t count = 0;
  *floats = 0;
  while (count < items.size() && (count < least || *floats < kWaveFloats)) {
    items[count].column_sums = *floats;
    *floats += column_floats(tasks[items[count++].task], group);
  }
  return items.first(count);
}

PrefillBlock make_block(const PrefillTask& task, int group, const Item& item) {
  return {
      .pages = task.pages.data(),
      .n_pages = static_cast<int>(task.pages.size()),
      .queries = task.queries + item.first * task.query_stride,
      .query_stride = task.query_stride,
      .output = task.output + item.first * task.output_stride,
      .output_stride = task.output_stride,
      .log_sum_exp = task.log_sum_exp == nullptr ? nullptr : task.log_sum_exp + int64_t{item.first} * group,
      .positions = task.positions + item.first,
      .n_queries = item.count,
      .column_sums = nullptr,
      .scratch = nullptr};
}

// Adds the column sums of a wave's items to those of task t.
void add_column_sums(const PrefillTask& task, size_t t, int group, std::span<const Item> wave,
                     const float* sums) {
  const int64_t floats = column_floats(task, group);
  if (floats == 0) return;
  for (const Item& item : wave) {
    if (item.task != t) continue;
    const float* from = sums + item.column_sums;
    for (int64_t i = 0; i < floats; ++i) task.column_sums[i] += from[i];
  }
}

}  // namespace

void attend_prefill(std::span<const PrefillTask> tasks, const AttentionShape& shape, Precision precision,
                    ThreadPool& pool, const AttentionKernels& kernels) {
  static thread_local Scratch sums_scratch;
  const auto kernel = precision == Precision::fast ? kernels.prefill_fast : kernels.prefill_exact;
  std::vector<Item> items = list_items(tasks, shape.group);

  for (std::span<Item> left = items; !left.empty();) {
    int64_t floats = 0;
    const std::span<Item> wave = next_wave(tasks, shape.group, pool.size(), left, &floats);
    left = left.subspan(wave.size());
    auto* sums = reinterpret_cast<float*>(sums_scratch.reserve(static_cast<size_t>(floats) * sizeof(float)));
    pool.parallel_for(static_cast<int64_t>(wave.size()), [&](int64_t i, int /*worker*/) {
      static thread_local Scratch scratch;
      const Item& item = wave[static_cast<size_t>(i)];
      PrefillBlock block = make_block(tasks[item.task], shape.group, item);
      const bool columns = column_floats(tasks[item.task], shape.group) > 0;
      if (columns) block.column_sums = sums + item.column_sums;
      block.scratch =
          scratch.reserve(kernels.prefill_scratch(shape, block.n_queries, columns ? block.n_pages : 0));
      kernel(block, shape);
    });
    if (floats == 0) continue;
    pool.parallel_for(static_cast<int64_t>(tasks.size()), [&](int64_t t, int /*worker*/) {
      add_column_sums(tasks[static_cast<size_t>(t)], static_cast<size_t>(t), shape.group, wave, sums);
    });
  }
}

}  // namespace kvcompress
