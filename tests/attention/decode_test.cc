#include <gtest/gtest.h>

#include "attention/attention.h"
#include "attention/attention_cases.h"
#include "attention/merge.h"
#include "kvcompress/error.h"

namespace kvcompress::test {
namespace {

struct DecodeResult {
  std::vector<float> output;
  std::vector<float> log_sum_exp;
};

DecodeResult decode(const TestCache& cache, const std::vector<float>& query, const AttentionShape& shape,
                    int32_t position, ThreadPool& pool, Isa isa, Precision precision = Precision::exact) {
  DecodeResult result{std::vector<float>(query.size(), 7.0f), std::vector<float>(shape.group, 7.0f)};
  const DecodeTask task{cache.views, query.data(), result.output.data(), result.log_sum_exp.data(), position};
  attend_decode({&task, 1}, shape, precision, pool, attention_kernels(isa));
  return result;
}

AttentionShape make_shape(int head_dim, int group, int32_t window = 0) {
  return {head_dim, group, 1.0f / std::sqrt(static_cast<float>(head_dim)), window};
}

struct DecodeCase {
  int tokens, head_dim, group;
  int32_t window;
  CacheOptions options;
};

// All head sizes, groups and lengths; holes, windows, biases and gaps vary along the way.
std::vector<DecodeCase> decode_cases() {
  std::vector<DecodeCase> cases;
  int n = 0;
  for (const int head_dim : {16, 48, 64, 80, 96, 100, 128, 256}) {
    for (const int group : {1, 2, 3, 4, 5, 6, 7, 8, 9, 16}) {
      for (const int tokens : {1, 2, 15, 16, 17, 63, 64, 65, 128, 129, 500, 1100}) {
        if (tokens > 500 && group > 4 && head_dim > 64) continue;  // nothing new, and slow in the plain twin
        ++n;
        cases.push_back({tokens,
                         head_dim,
                         group,
                         n % 3 == 0 ? 1 + n % 200 : 0,
                         {.holes = n % 4 == 1 ? 0.3 : 0.0, .bias = n % 5 == 2, .gaps = n % 7 == 3}});
      }
    }
  }
  return cases;
}

TEST(Decode, EveryKernelEqualsItsPlainTwin) {
  ThreadPool pool(1);
  uint32_t seed = 0;
  for (const DecodeCase& c : decode_cases()) {
    const TestCache cache(c.tokens, c.head_dim, c.options, ++seed);
    const AttentionShape shape = make_shape(c.head_dim, c.group, c.window);
    const auto query = random_floats(size_t(c.group) * c.head_dim, seed + 1);
    const int32_t position = cache.next_position - 1;
    const DecodeResult plain = decode(cache, query, shape, position, pool, Isa::scalar);
    for (const Isa isa : supported_isas()) {
      const DecodeResult fast = decode(cache, query, shape, position, pool, isa);
      ASSERT_LT(relative_error(fast.output.data(), plain.output.data(), query.size()), 1e-5)
          << name(isa) << " head_dim " << c.head_dim << " group " << c.group << " tokens " << c.tokens;
      const DecodeResult rounded = decode(cache, query, shape, position, pool, isa, Precision::fast);
      ASSERT_TRUE(mean_error(rounded.output, plain.output) < 1e-2)
          << name(isa) << " head_dim " << c.head_dim << " group " << c.group << " tokens " << c.tokens;
      for (int g = 0; g < c.group; ++g) {
        if (std::isinf(plain.log_sum_exp[g])) {
          ASSERT_EQ(fast.log_sum_exp[g], plain.log_sum_exp[g]);
        } else {
          ASSERT_NEAR(fast.log_sum_exp[g], plain.log_sum_exp[g], 1e-5 * (1 + std::abs(plain.log_sum_exp[g])));
        }
      }
    }
  }
}

TEST(Decode, PlainTwinEqualsTheDefinition) {
  ThreadPool pool(1);
  uint32_t seed = 100;
  for (const DecodeCase& c : decode_cases()) {
    if (c.group > 3) continue;
    const TestCache cache(c.tokens, c.head_dim, c.options, ++seed);
    const AttentionShape shape = make_shape(c.head_dim, c.group, c.window);
    const auto query = random_floats(size_t(c.group) * c.head_dim, seed);
    const DecodeResult plain = decode(cache, query, shape, cache.next_position - 1, pool, Isa::scalar);
    for (int g = 0; g < c.group; ++g) {
      const Reference truth =
          attend_by_definition(cache, &query[size_t(g) * c.head_dim], shape, cache.next_position - 1);
      ASSERT_LT(relative_error(&plain.output[size_t(g) * c.head_dim], truth.output.data(), c.head_dim), 1e-5);
      if (!std::isinf(truth.log_sum_exp)) {
        ASSERT_NEAR(plain.log_sum_exp[g], truth.log_sum_exp, 1e-5 * (1 + std::abs(truth.log_sum_exp)));
      }
    }
  }
}

TEST(Decode, SeesOnlyUpToItsPosition) {
  ThreadPool pool(1);
  const AttentionShape shape = make_shape(64, 5);
  const TestCache longer(300, 64, {}, 5), shorter(171, 64, {}, 5);  // the same first tokens
  const auto query = random_floats(5 * 64, 6);
  for (const Isa isa : supported_isas()) {
    const DecodeResult a = decode(longer, query, shape, 170, pool, isa, Precision::fast);
    const DecodeResult b = decode(shorter, query, shape, 170, pool, isa, Precision::fast);
    EXPECT_EQ(a.output, b.output) << name(isa);
    EXPECT_EQ(a.log_sum_exp, b.log_sum_exp) << name(isa);
  }
}

TEST(Decode, HiddenEverythingGivesZero) {
  ThreadPool pool(1);
  const auto query = random_floats(3 * 64, 6);
  const TestCache none(0, 64, {}, 1), holes(200, 64, {.holes = 1.0}, 1), future(70, 64, {}, 1);
  for (const Isa isa : supported_isas()) {
    for (const TestCache* cache : {&none, &holes, &future}) {
      const DecodeResult result = decode(*cache, query, make_shape(64, 3), -1, pool, isa);
      for (const float x : result.output) EXPECT_EQ(x, 0.0f) << name(isa);
      for (const float x : result.log_sum_exp)
        EXPECT_EQ(x, -std::numeric_limits<float>::infinity()) << name(isa);
    }
  }
}

// With the log-sum-exp of the same call they are the weights, whichever page and slot they lie in.
TEST(Decode, GivesItsLogitsByPhysicalSlot) {
  ThreadPool pool(1);
  uint32_t seed = 300;
  for (const DecodeCase& c : decode_cases()) {
    if (c.head_dim > 64) continue;
    CacheOptions options = c.options;
    options.empty_page = c.tokens > 200 ? 1 : -1;
    const TestCache cache(c.tokens, c.head_dim, options, ++seed);
    const AttentionShape shape = make_shape(c.head_dim, c.group, c.window);
    const auto query = random_floats(size_t(c.group) * c.head_dim, seed);
    const int32_t position = cache.next_position - 1 - c.tokens / 20;  // the last slots are hidden
    const size_t row = cache.views.size() * kPageSlots;
    for (const Isa isa : supported_isas()) {
      for (const Precision precision : {Precision::exact, Precision::fast}) {
        std::vector<float> output(query.size()), log_sum_exp(c.group), logits(c.group * row, 7.0f);
        const DecodeTask task{cache.views,        query.data(), output.data(),
                              log_sum_exp.data(), position,     logits.data()};
        attend_decode({&task, 1}, shape, precision, pool, attention_kernels(isa));
        for (int g = 0; g < c.group; ++g) {
          const Reference truth =
              attend_by_definition(cache, &query[size_t(g) * c.head_dim], shape, position);
          std::vector<float> expected(row, 0.0f);
          for (size_t t = 0; t < cache.tokens.size(); ++t) {
            expected[cache.tokens[t].slot] = static_cast<float>(truth.weights[t]);
          }
          for (size_t s = 0; s < row; ++s) {
            const float logit = logits[g * row + s];
            const float weight = std::isinf(logit) ? 0.0f : std::exp(logit - log_sum_exp[g]);
            ASSERT_NEAR(weight, expected[s], precision == Precision::exact ? 1e-5 : 2e-2)
                << name(isa) << " head_dim " << c.head_dim << " group " << c.group << " slot " << s;
          }
        }
      }
    }
  }
}

TEST(Decode, HugeLogitsStayFinite) {
  ThreadPool pool(1);
  const TestCache cache(333, 64, {.bias = true}, 9);
  auto query = random_floats(2 * 64, 6);
  for (float& q : query) q *= 1e4f;
  for (const Isa isa : supported_isas()) {
    const DecodeResult result = decode(cache, query, make_shape(64, 2), 332, pool, isa);
    for (const float x : result.output) EXPECT_TRUE(std::isfinite(x)) << name(isa);
    for (const float x : result.log_sum_exp) EXPECT_TRUE(std::isfinite(x)) << name(isa);
  }
}

// Bit for bit: a sequence answers alone as it does in a batch, on any number of threads.
TEST(Decode, ThreadsAndBatchDoNotMatter) {
  const AttentionShape shape = make_shape(80, 5);
  std::vector<std::unique_ptr<TestCache>> caches;
  std::vector<std::vector<float>> queries;
  for (const int tokens : {3000, 1, 64, 0, 1025, 777}) {
    caches.push_back(std::make_unique<TestCache>(tokens, 80, CacheOptions{.holes = 0.1}, 40 + tokens));
    queries.push_back(random_floats(5 * 80, 50 + tokens));
  }
  for (const Isa isa : supported_isas()) {
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads), single(1);
      std::vector<std::vector<float>> outputs(caches.size(), std::vector<float>(5 * 80));
      std::vector<DecodeTask> tasks;
      for (size_t i = 0; i < caches.size(); ++i) {
        tasks.push_back({caches[i]->views, queries[i].data(), outputs[i].data(), nullptr, 3000});
      }
      attend_decode(tasks, shape, Precision::fast, pool, attention_kernels(isa));
      for (size_t i = 0; i < caches.size(); ++i) {
        EXPECT_EQ(outputs[i],
                  decode(*caches[i], queries[i], shape, 3000, single, isa, Precision::fast).output)
            << name(isa) << " threads " << threads << " sequence " << i;
      }
    }
  }
}

TEST(Merge, PartsInAnyCutGiveTheWhole) {
  const int head_dim = 64, stride = partial_floats(head_dim);
  const AttentionShape shape = make_shape(head_dim, 1);
  const TestCache cache(64 * 12, head_dim, {}, 3);
  auto query = random_floats(head_dim, 4);
  const Reference truth = attend_by_definition(cache, query.data(), shape, 100000);
  for (float& q : query) q *= shape.scale * kLog2E;
  std::mt19937 random(1);
  for (int trial = 0; trial < 50; ++trial) {
    std::vector<float> partials;
    for (int first = 0; first < 12;) {
      const int pages = std::min<int>(static_cast<int>(random() % 5), 12 - first);  // some parts are empty
      alignas(64) float partial[96];
      attention_kernels(Isa::scalar)
          .decode_exact({cache.views.data() + first, pages, 0, query.data(), 100000, partial}, shape);
      partials.insert(partials.end(), partial, partial + stride);
      first += pages;
    }
    float output[64];
    const float log_sum_exp =
        merge_partials(partials.data(), static_cast<int>(partials.size()) / stride, stride, head_dim, output);
    EXPECT_LT(relative_error(output, truth.output.data(), head_dim), 1e-5);
    EXPECT_NEAR(log_sum_exp, truth.log_sum_exp, 1e-5);
  }
}

TEST(Merge, NothingGivesZeroAndMinusInfinity) {
  float output[3] = {1, 2, 3};
  EXPECT_EQ(merge_partials(nullptr, 0, 32, 3, output), -std::numeric_limits<float>::infinity());
  EXPECT_EQ(output[0], 0);
  EXPECT_EQ(output[2], 0);
}

TEST(Attention, RefusesWrongShapes) {
  ThreadPool pool(1);
  for (const AttentionShape& shape : {AttentionShape{0, 1, 1, 0}, AttentionShape{64, 0, 1, 0},
                                      AttentionShape{64, 1, INFINITY, 0}, AttentionShape{64, 1, 1, -1}}) {
    EXPECT_THROW(attend_decode({}, shape, pool), UsageError);
    EXPECT_THROW(attend_prefill({}, shape, Precision::fast, pool), UsageError);
    EXPECT_THROW(capture_scores({}, shape, pool), UsageError);
  }
  EXPECT_NO_THROW(attend_decode({}, make_shape(64, 1), pool));
}

}  // namespace
}  // namespace kvcompress::test
