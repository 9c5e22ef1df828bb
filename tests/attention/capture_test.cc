#include <gtest/gtest.h>

#include "attention/attention.h"
#include "attention/attention_cases.h"

namespace kvcompress::test {
namespace {

struct CaptureCase {
  int tokens, queries, head_dim, group;
  int32_t window;
  CacheOptions options;
};

TEST(Capture, EqualsTheSummedWeights) {
  const CaptureCase cases[] = {{1, 1, 64, 1, 0, {}},
                               {700, 32, 64, 3, 0, {}},
                               {700, 32, 64, 7, 0, {.holes = 0.3}},
                               {129, 129, 80, 2, 0, {.bias = true}},
                               {400, 60, 128, 4, 100, {.gaps = true}},
                               {260, 50, 256, 1, 33, {.holes = 0.2, .bias = true, .empty_page = 2}},
                               {300, 5, 100, 8, 0, {}}};
  uint32_t seed = 0;
  for (const CaptureCase& c : cases) {
    const AttentionShape shape{c.head_dim, c.group, 0.2f, c.window};
    const TestCache cache(c.tokens, c.head_dim, c.options, ++seed);
    const int rows = c.queries * c.group;
    const auto queries = random_floats(size_t(rows) * c.head_dim, seed);
    std::vector<int32_t> positions;
    for (int i = 0; i < c.queries; ++i) positions.push_back(cache.next_position - c.queries + i);

    const size_t slots = cache.views.size() * kPageSlots;
    std::vector<double> expected(c.group * slots);
    std::vector<float> log_sum_exp;
    for (int row = 0; row < rows; ++row) {
      const Reference truth =
          attend_by_definition(cache, &queries[size_t(row) * c.head_dim], shape, positions[row / c.group]);
      log_sum_exp.push_back(static_cast<float>(truth.log_sum_exp));
      for (size_t t = 0; t < cache.tokens.size(); ++t) {
        expected[row % c.group * slots + cache.tokens[t].slot] += truth.weights[t];
      }
    }
    for (const Isa isa : supported_isas()) {
      for (const int threads : {1, 2, 3}) {
        ThreadPool pool(threads);
        std::vector<float> sums(expected.size(), 7.0f);
        const CaptureTask task{cache.views,        queries.data(),   int64_t{c.group} * c.head_dim,
                               log_sum_exp.data(), positions.data(), c.queries,
                               sums.data()};
        capture_scores({&task, 1}, shape, pool, attention_kernels(isa));
        // A weight's relative error is the absolute error of its float32 logit, whatever its size.
        for (size_t i = 0; i < sums.size(); ++i) {
          ASSERT_NEAR(sums[i], expected[i], 2e-5 * expected[i])
              << name(isa) << " tokens " << c.tokens << " group " << c.group << " slot " << i;
        }
      }
    }
  }
}

// What the engine does: attention writes the log-sum-exp, capture reads it; a row's weights sum to 1.
TEST(Capture, WeightsOfARowSumToOne) {
  ThreadPool pool(2);
  const AttentionShape shape{64, 3, 0.125f, 0};
  const TestCache first(900, 64, {}, 11), second(333, 64, {.holes = 0.2}, 12);
  const int queries = 20, rows = queries * 3;
  const auto q = random_floats(rows * 64, 2);
  for (const Isa isa : supported_isas()) {
    const AttentionKernels& kernels = attention_kernels(isa);
    std::vector<std::vector<float>> sums;
    std::vector<CaptureTask> tasks;
    std::vector<float> output(q.size()), log_sum_exp(2 * rows);
    std::vector<int32_t> positions[2];
    int n = 0;
    for (const TestCache* cache : {&first, &second}) {
      for (int i = 0; i < queries; ++i) positions[n].push_back(cache->next_position - queries + i);
      sums.emplace_back(cache->views.size() * kPageSlots * 3);
      const PrefillTask task{cache->views,        q.data(), 192, output.data(), 192, &log_sum_exp[n * rows],
                             positions[n].data(), queries};
      attend_prefill({&task, 1}, shape, Precision::exact, pool, kernels);
      tasks.push_back({cache->views, q.data(), 192, &log_sum_exp[n * rows], positions[n].data(), queries,
                       sums.back().data()});
      ++n;
    }
    capture_scores(tasks, shape, pool, kernels);
    for (const auto& of_task : sums) {
      for (int g = 0; g < 3; ++g) {
        double total = 0;
        for (size_t s = 0; s < of_task.size() / 3; ++s) total += of_task[g * of_task.size() / 3 + s];
        EXPECT_NEAR(total, queries, 1e-3) << name(isa);
      }
    }
  }
}

TEST(Capture, RowsThatSawNothingCountForNothing) {
  ThreadPool pool(1);
  const AttentionShape shape{64, 1, 0.125f, 0};
  const TestCache cache(70, 64, {}, 11);
  const auto q = random_floats(64, 2);
  const float log_sum_exp = -std::numeric_limits<float>::infinity();
  const int32_t position = -1;
  for (const Isa isa : supported_isas()) {
    std::vector<float> sums(2 * kPageSlots, 7.0f);
    const CaptureTask task{cache.views, q.data(), 64, &log_sum_exp, &position, 1, sums.data()};
    capture_scores({&task, 1}, shape, pool, attention_kernels(isa));
    for (const float sum : sums) EXPECT_EQ(sum, 0.0f) << name(isa);
  }
}

TEST(KeyNorms, EqualTheDefinition) {
  for (const int head_dim : {16, 80, 100, 128}) {
    const TestCache cache(150, head_dim, {.holes = 0.2}, 21);
    std::vector<double> expected(cache.views.size() * kPageSlots);
    for (const auto& token : cache.tokens) {
      double sum = 0;
      for (const float x : token.key) sum += double{x} * x;
      expected[token.slot] = std::sqrt(sum);
    }
    for (const Isa isa : supported_isas()) {
      std::vector<float> norms(expected.size(), 7.0f);
      attention_kernels(isa).key_norms(cache.views.data(), static_cast<int>(cache.views.size()), head_dim,
                                       norms.data());
      for (size_t s = 0; s < norms.size(); ++s) {
        EXPECT_NEAR(norms[s], expected[s], 1e-5 * expected[s]) << name(isa) << " slot " << s;
      }
    }
    std::vector<float> chosen(expected.size());
    key_norms(cache.views, head_dim, chosen.data());
    EXPECT_NEAR(chosen[cache.tokens[0].slot], expected[cache.tokens[0].slot], 1e-4);
  }
}

}  // namespace
}  // namespace kvcompress::test
