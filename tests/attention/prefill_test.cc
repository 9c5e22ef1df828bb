#include <gtest/gtest.h>

#include "attention/attention.h"
#include "attention/attention_cases.h"

namespace kvcompress::test {
namespace {

struct PrefillResult {
  std::vector<float> output;       // [queries][group][head_dim]
  std::vector<float> log_sum_exp;  // [queries][group]
};

struct Chunk {
  std::vector<float> queries;
  std::vector<int32_t> positions;
};

// The last `count` positions before the cache's end.
Chunk last_queries(const TestCache& cache, int count, const AttentionShape& shape, uint32_t seed) {
  Chunk chunk{random_floats(size_t(count) * shape.group * shape.head_dim, seed), {}};
  for (int i = 0; i < count; ++i) chunk.positions.push_back(cache.next_position - count + i);
  return chunk;
}

// In calls of at most `step` queries.
PrefillResult prefill(const TestCache& cache, const Chunk& chunk, const AttentionShape& shape,
                      Precision precision, ThreadPool& pool, Isa isa, int step = 1 << 20) {
  const int count = static_cast<int>(chunk.positions.size());
  const int64_t row = int64_t{shape.group} * shape.head_dim;
  PrefillResult result{std::vector<float>(chunk.queries.size(), 7.0f),
                       std::vector<float>(size_t(count) * shape.group, 7.0f)};
  for (int from = 0; from < count; from += step) {
    const PrefillTask task{cache.views,
                           chunk.queries.data() + from * row,
                           row,
                           result.output.data() + from * row,
                           row,
                           result.log_sum_exp.data() + from * shape.group,
                           chunk.positions.data() + from,
                           std::min(step, count - from)};
    attend_prefill({&task, 1}, shape, precision, pool, attention_kernels(isa));
  }
  return result;
}

AttentionShape make_shape(int head_dim, int group, int32_t window = 0) {
  return {head_dim, group, 1.0f / std::sqrt(static_cast<float>(head_dim)), window};
}

struct PrefillCase {
  int tokens, queries, head_dim, group;
  int32_t window;
  CacheOptions options;
};

std::vector<PrefillCase> prefill_cases() {
  std::vector<PrefillCase> cases;
  int n = 0;
  for (const int head_dim : {16, 32, 64, 80, 96, 100, 128, 256}) {
    for (const int group : {1, 2, 3, 7, 8}) {
      for (const auto& [tokens, queries] :
           {std::pair{1, 1}, {17, 17}, {64, 5}, {65, 65}, {128, 7}, {300, 110}}) {
        ++n;
        if ((n + (n - 1) / 6) % 2 == 0) continue;  // half of the product; every value occurs
        cases.push_back({tokens,
                         queries,
                         head_dim,
                         group,
                         n % 3 == 0 ? 1 + n % 150 : 0,
                         {.holes = n % 4 == 1 ? 0.3 : 0.0,
                          .bias = n % 5 == 2,
                          .gaps = n % 7 == 3,
                          .empty_page = n % 11 == 4 ? 1 : -1}});
      }
    }
  }
  return cases;
}

TEST(Prefill, EveryKernelEqualsItsPlainTwin) {
  ThreadPool pool(2);
  uint32_t seed = 0;
  for (const PrefillCase& c : prefill_cases()) {
    const TestCache cache(c.tokens, c.head_dim, c.options, ++seed);
    const AttentionShape shape = make_shape(c.head_dim, c.group, c.window);
    const Chunk chunk = last_queries(cache, c.queries, shape, seed);
    const PrefillResult plain = prefill(cache, chunk, shape, Precision::exact, pool, Isa::scalar);
    for (const Isa isa : supported_isas()) {
      for (const Precision precision : {Precision::exact, Precision::fast}) {
        const PrefillResult fast = prefill(cache, chunk, shape, precision, pool, isa);
        const bool rounds = precision == Precision::fast && isa == Isa::avx512_bf16;
        const double bound = rounds ? 1e-2 : 1e-5;
        const double error =
            rounds ? mean_error(fast.output, plain.output)
                   : relative_error(fast.output.data(), plain.output.data(), plain.output.size());
        ASSERT_TRUE(error < bound) << error << " " << name(isa) << " head_dim " << c.head_dim << " group "
                                   << c.group << " tokens " << c.tokens << " window " << c.window;
        for (size_t i = 0; i < plain.log_sum_exp.size(); ++i) {
          if (std::isinf(plain.log_sum_exp[i])) {
            ASSERT_EQ(fast.log_sum_exp[i], plain.log_sum_exp[i]) << name(isa);
          } else {
            ASSERT_NEAR(fast.log_sum_exp[i], plain.log_sum_exp[i],
                        bound * (1 + std::abs(plain.log_sum_exp[i])));
          }
        }
      }
    }
  }
}

TEST(Prefill, PlainTwinEqualsTheDefinition) {
  ThreadPool pool(1);
  uint32_t seed = 500;
  for (const PrefillCase& c : prefill_cases()) {
    if (c.group > 3 || c.head_dim > 128) continue;
    const TestCache cache(c.tokens, c.head_dim, c.options, ++seed);
    const AttentionShape shape = make_shape(c.head_dim, c.group, c.window);
    const Chunk chunk = last_queries(cache, c.queries, shape, seed);
    const PrefillResult plain = prefill(cache, chunk, shape, Precision::exact, pool, Isa::scalar);
    for (int row = 0; row < c.queries * c.group; ++row) {
      const size_t at = size_t(row) * c.head_dim;
      const Reference truth =
          attend_by_definition(cache, &chunk.queries[at], shape, chunk.positions[row / c.group]);
      ASSERT_LT(relative_error(&plain.output[at], truth.output.data(), c.head_dim), 1e-5);
    }
  }
}

// Bit for bit: neither the chunks a prompt is read in nor the threads nor the other sequences change a row.
TEST(Prefill, ChunksThreadsAndBatchDoNotMatter) {
  const AttentionShape shape = make_shape(64, 3);
  const TestCache cache(500, 64, {.holes = 0.05}, 77), other(130, 64, {}, 78);
  const Chunk chunk = last_queries(cache, 400, shape, 8), other_chunk = last_queries(other, 100, shape, 9);
  for (const Isa isa : supported_isas()) {
    if (isa == Isa::scalar) continue;
    for (const Precision precision : {Precision::exact, Precision::fast}) {
      ThreadPool single(1);
      const PrefillResult whole = prefill(cache, chunk, shape, precision, single, isa);
      for (const int step : {1, 13, 64, 100, 399}) {
        const PrefillResult cut = prefill(cache, chunk, shape, precision, single, isa, step);
        EXPECT_EQ(cut.output, whole.output) << name(isa) << " step " << step;
        EXPECT_EQ(cut.log_sum_exp, whole.log_sum_exp) << name(isa) << " step " << step;
      }
      for (const int threads : {2, 3}) {
        ThreadPool pool(threads);
        std::vector<float> first(chunk.queries.size()), second(other_chunk.queries.size());
        const PrefillTask tasks[] = {{other.views, other_chunk.queries.data(), 192, second.data(), 192,
                                      nullptr, other_chunk.positions.data(), 100},
                                     {cache.views, chunk.queries.data(), 192, first.data(), 192, nullptr,
                                      chunk.positions.data(), 400}};
        attend_prefill(tasks, shape, precision, pool, attention_kernels(isa));
        EXPECT_EQ(first, whole.output) << name(isa) << " threads " << threads;
        EXPECT_EQ(second, prefill(other, other_chunk, shape, precision, single, isa).output) << name(isa);
      }
    }
  }
}

TEST(Prefill, HiddenRowsGiveZero) {
  ThreadPool pool(1);
  const AttentionShape shape = make_shape(64, 2, 4);
  const TestCache cache(40, 64, {}, 3);
  const Chunk chunk{random_floats(3 * 2 * 64, 1),
                    {39, 42, 43}};  // the last one's window lies behind the cache
  for (const Isa isa : supported_isas()) {
    const PrefillResult result = prefill(cache, chunk, shape, Precision::fast, pool, isa);
    EXPECT_TRUE(std::isfinite(result.log_sum_exp[3])) << name(isa);
    for (int g = 0; g < 2; ++g) {
      EXPECT_EQ(result.log_sum_exp[4 + g], -std::numeric_limits<float>::infinity()) << name(isa);
      for (int c = 0; c < 64; ++c) EXPECT_EQ(result.output[(4 + g) * 64 + c], 0.0f) << name(isa);
    }
  }
}

TEST(Prefill, AgreesWithDecode) {
  ThreadPool pool(1);
  const AttentionShape shape = make_shape(128, 4, 90);
  const TestCache cache(260, 128, {.bias = true}, 31);
  const Chunk chunk = last_queries(cache, 1, shape, 2);
  for (const Isa isa : supported_isas()) {
    std::vector<float> output(chunk.queries.size());
    const DecodeTask task{cache.views, chunk.queries.data(), output.data(), nullptr, chunk.positions[0]};
    attend_decode({&task, 1}, shape, Precision::exact, pool, attention_kernels(isa));
    const PrefillResult result = prefill(cache, chunk, shape, Precision::exact, pool, isa);
    EXPECT_LT(relative_error(result.output.data(), output.data(), output.size()), 1e-5) << name(isa);
  }
}

}  // namespace
}  // namespace kvcompress::test
