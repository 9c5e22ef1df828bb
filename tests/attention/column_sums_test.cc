#include <gtest/gtest.h>

#include <algorithm>  // std::min

#include "attention/attention.h"
#include "attention/attention_cases.h"

namespace kvcompress::test {
namespace {

struct Chunk {
  std::vector<float> queries;      // [count][group][head_dim]
  std::vector<int32_t> positions;  // [count]
};

// The last `count` positions before the cache's end.
Chunk last_queries(const TestCache& cache, int count, const AttentionShape& shape, uint32_t seed) {
  Chunk chunk{random_floats(size_t(count) * shape.group * shape.head_dim, seed), {}};
  for (int i = 0; i < count; ++i) chunk.positions.push_back(cache.next_position - count + i);
  return chunk;
}

struct Result {
  std::vector<float> output, log_sum_exp;
  std::vector<float> sums;  // [group][slots]
};

size_t slots_of(const TestCache& cache) { return cache.views.size() * kPageSlots; }

Result zeroed(const TestCache& cache, const Chunk& chunk, const AttentionShape& shape) {
  return {std::vector<float>(chunk.queries.size(), 7.0f),
          std::vector<float>(chunk.positions.size() * shape.group, 7.0f),
          std::vector<float>(shape.group * slots_of(cache))};
}

PrefillTask task_of(const TestCache& cache, const Chunk& chunk, const AttentionShape& shape, int from,
                    int count, Result& result) {
  const int64_t row = int64_t{shape.group} * shape.head_dim;
  return {.pages = cache.views,
          .queries = chunk.queries.data() + from * row,
          .query_stride = row,
          .output = result.output.data() + from * row,
          .output_stride = row,
          .log_sum_exp = result.log_sum_exp.data() + int64_t{from} * shape.group,
          .positions = chunk.positions.data() + from,
          .n_queries = count,
          .column_sums = result.sums.data()};
}

// In calls of at most `step` queries, whose sums add up.
Result prefill(const TestCache& cache, const Chunk& chunk, const AttentionShape& shape, Precision precision,
               int threads, Isa isa, int step = 1 << 20) {
  ThreadPool pool(threads);
  Result result = zeroed(cache, chunk, shape);
  const int count = static_cast<int>(chunk.positions.size());
  for (int from = 0; from < count; from += step) {
    const PrefillTask task = task_of(cache, chunk, shape, from, std::min(step, count - from), result);
    attend_prefill({&task, 1}, shape, precision, pool, attention_kernels(isa));
  }
  return result;
}

AttentionShape make_shape(int head_dim, int group, int32_t window = 0) {
  return {head_dim, group, 1.0f / std::sqrt(static_cast<float>(head_dim)), window};
}

std::vector<double> sums_by_definition(const TestCache& cache, const Chunk& chunk,
                                       const AttentionShape& shape) {
  const size_t slots = slots_of(cache);
  std::vector<double> sums(shape.group * slots);
  for (size_t row = 0; row < chunk.positions.size() * shape.group; ++row) {
    const Reference truth = attend_by_definition(cache, &chunk.queries[row * shape.head_dim], shape,
                                                 chunk.positions[row / shape.group]);
    for (size_t t = 0; t < cache.tokens.size(); ++t) {
      sums[row % shape.group * slots + cache.tokens[t].slot] += truth.weights[t];
    }
  }
  return sums;
}

// In exact precision a weight's relative error is the absolute error of its float32 logit; BF16 products give
// logits of size 1 to a few thousandths, of which the greatest of all slots is some five times the mean.
void expect_sums(const std::vector<float>& sums, const std::vector<double>& expected, bool rounds,
                 const std::string& what) {
  double errors = 0, squares = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    ASSERT_NEAR(sums[i], expected[i], (rounds ? 4e-2 : 3e-5) * expected[i]) << what << " slot " << i;
    errors += (sums[i] - expected[i]) * (sums[i] - expected[i]);
    squares += expected[i] * expected[i];
  }
  ASSERT_LE(errors, squares * (rounds ? 1e-4 : 1e-10)) << what;
}

struct Case {
  int tokens, queries, step;
  int32_t window;
  CacheOptions options;
};

TEST(ColumnSums, EqualTheDefinition) {
  const Case cases[] = {{1, 1, 1, 0, {}},
                        {70, 70, 70, 0, {}},
                        {270, 83, 30, 0, {.holes = 0.3}},
                        {190, 60, 60, 0, {.bias = true, .empty_page = 1}},
                        {257, 90, 41, 50, {.holes = 0.1, .gaps = true}},
                        {330, 23, 5, 33, {.holes = 0.2, .bias = true, .empty_page = 2}}};
  uint32_t seed = 900;
  const std::pair<int, int> shapes[] = {{64, 3}, {80, 1}, {128, 7}, {256, 8}, {64, 8}, {80, 7}};
  for (const auto& [head_dim, group] : shapes) {
    for (const Case& c : cases) {
      const AttentionShape shape = make_shape(head_dim, group, c.window);
      const TestCache cache(c.tokens, head_dim, c.options, ++seed);
      const Chunk chunk = last_queries(cache, c.queries, shape, seed);
      const std::vector<double> expected = sums_by_definition(cache, chunk, shape);
      for (const Isa isa : supported_isas()) {
        for (const Precision precision : {Precision::exact, Precision::fast}) {
          const Result result = prefill(cache, chunk, shape, precision, 2, isa, c.step);
          const bool rounds = precision == Precision::fast && isa == Isa::avx512_bf16;
          ASSERT_NO_FATAL_FAILURE(
              expect_sums(result.sums, expected, rounds,
                          std::string(name(isa)) + " head_dim " + std::to_string(head_dim) + " group " +
                              std::to_string(group) + " tokens " + std::to_string(c.tokens)));
        }
      }
    }
  }
}

// A past so long that the kept weights allow fewer rows to a block; and every query gives away exactly 1.
TEST(ColumnSums, LongPastsGiveAwayOnePerQuery) {
  const AttentionShape shape = make_shape(16, 3);
  const TestCache cache(35000, 16, {.holes = 0.05}, 5);
  ASSERT_LT(column_queries(3, static_cast<int64_t>(cache.views.size())), prefill_queries(3));
  const Chunk chunk = last_queries(cache, 90, shape, 6);
  for (const Isa isa : supported_isas()) {
    for (const Precision precision : {Precision::exact, Precision::fast}) {
      const bool rounds = precision == Precision::fast && isa == Isa::avx512_bf16;
      const Result result = prefill(cache, chunk, shape, precision, 2, isa);
      const size_t slots = slots_of(cache);
      for (int g = 0; g < 3; ++g) {
        double total = 0;
        for (size_t s = 0; s < slots; ++s) total += result.sums[g * slots + s];
        EXPECT_NEAR(total, 90, 90 * (rounds ? 1e-3 : 1e-5)) << name(isa);
      }
      if (rounds) continue;
      ThreadPool pool(2);
      std::vector<float> captured(result.sums.size());
      const CaptureTask capture{cache.views,
                                chunk.queries.data(),
                                int64_t{3} * 16,
                                result.log_sum_exp.data(),
                                chunk.positions.data(),
                                90,
                                captured.data()};
      capture_scores({&capture, 1}, shape, pool, attention_kernels(isa));
      EXPECT_LT(mean_error(result.sums, captured), 1e-5) << name(isa);
    }
  }
}

TEST(ColumnSums, BlocksShrinkWithTheCacheToABound) {
  EXPECT_EQ(column_queries(1, 0), kPrefillRows);
  EXPECT_EQ(column_queries(3, 128), kPrefillRows / 3);
  EXPECT_EQ(column_queries(1, kKeptWeights / kPageSlots / 100), 100);
  EXPECT_EQ(column_queries(3, 1 << 20), kLeastKeptRows / 3);
  EXPECT_EQ(column_queries(200, 1 << 20), 1);
}

// Bit for bit: what attention gives does not depend on whether sums are wanted, nor the sums on the threads,
// the waves that blocks are computed in, or other tasks of the call, of which some want none.
TEST(ColumnSums, ThreadsWavesAndBatchDoNotMatter) {
  const AttentionShape shape = make_shape(16, 256);
  const TestCache cache(4096, 16, {.holes = 0.05}, 77), other(130, 16, {}, 78);
  const Chunk chunk = last_queries(cache, 9, shape, 8), other_chunk = last_queries(other, 3, shape, 9);
  for (const Isa isa : supported_isas()) {
    if (isa == Isa::scalar) continue;
    for (const Precision precision : {Precision::exact, Precision::fast}) {
      const Result alone = prefill(cache, chunk, shape, precision, 1, isa);
      for (const int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        Result first = zeroed(other, other_chunk, shape), second = zeroed(cache, chunk, shape),
               plain = second;
        PrefillTask tasks[] = {task_of(other, other_chunk, shape, 0, 3, first),
                               task_of(cache, chunk, shape, 0, 9, second),
                               task_of(cache, chunk, shape, 0, 9, plain)};
        tasks[2].column_sums = nullptr;
        attend_prefill(tasks, shape, precision, pool, attention_kernels(isa));
        EXPECT_EQ(second.sums, alone.sums) << name(isa) << " threads " << threads;
        EXPECT_EQ(second.output, alone.output) << name(isa) << " threads " << threads;
        EXPECT_EQ(plain.output, alone.output) << name(isa) << " threads " << threads;
        EXPECT_EQ(plain.log_sum_exp, alone.log_sum_exp) << name(isa) << " threads " << threads;
        EXPECT_EQ(plain.sums, zeroed(cache, chunk, shape).sums);
        EXPECT_EQ(first.sums, prefill(other, other_chunk, shape, precision, 1, isa).sums) << name(isa);
      }
    }
  }
}

// All queries lie in one block, so that the second call adds the very number that the first one did.
TEST(ColumnSums, AreAddedToWhatIsThere) {
  const AttentionShape shape = make_shape(64, 2);
  const TestCache cache(200, 64, {}, 12);
  const Chunk chunk = last_queries(cache, 70, shape, 3);
  for (const Isa isa : supported_isas()) {
    ThreadPool pool(2);
    const Result once = prefill(cache, chunk, shape, Precision::fast, 2, isa);
    Result twice = once;
    const PrefillTask task = task_of(cache, chunk, shape, 0, 70, twice);
    attend_prefill({&task, 1}, shape, Precision::fast, pool, attention_kernels(isa));
    for (size_t i = 0; i < once.sums.size(); ++i) ASSERT_EQ(twice.sums[i], 2 * once.sums[i]) << name(isa);
  }
}

// Queries whose window lies behind the cache give nothing, whatever the tile's unwritten slots hold.
TEST(ColumnSums, HiddenRowsGiveNothing) {
  const AttentionShape shape = make_shape(64, 2, 4);
  const TestCache cache(40, 64, {}, 3);
  const Chunk chunk{random_floats(size_t{3} * 2 * 64, 1), {39, 43, 44}};
  const Chunk seeing{{chunk.queries.begin(), chunk.queries.begin() + 128}, {39}};
  for (const Isa isa : supported_isas()) {
    for (const Precision precision : {Precision::exact, Precision::fast}) {
      EXPECT_EQ(prefill(cache, chunk, shape, precision, 1, isa).sums,
                prefill(cache, seeing, shape, precision, 1, isa).sums)
          << name(isa);
    }
  }
}

TEST(ColumnSums, EmptyCacheIsNoError) {
  const AttentionShape shape = make_shape(64, 2);
  const Chunk chunk{random_floats(size_t{2} * 2 * 64, 1), {0, 1}};
  for (const Isa isa : supported_isas()) {
    ThreadPool pool(1);
    Result result{std::vector<float>(256, 7.0f), std::vector<float>(4), std::vector<float>(1, 3.0f)};
    const PrefillTask task{{},
                           chunk.queries.data(),
                           128,
                           result.output.data(),
                           128,
                           result.log_sum_exp.data(),
                           chunk.positions.data(),
                           2,
                           result.sums.data()};
    attend_prefill({&task, 1}, shape, Precision::fast, pool, attention_kernels(isa));
    EXPECT_EQ(result.output, std::vector<float>(256)) << name(isa);
    EXPECT_EQ(result.sums[0], 3.0f) << name(isa);
  }
}

}  // namespace
}  // namespace kvcompress::test
