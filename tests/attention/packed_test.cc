// Attention on packed pages, against attention on a cache that holds the same numbers in f16 form.
#include <gtest/gtest.h>

#include <numeric>  // std::iota

#include "attention/attention.h"
#include "attention/attention_cases.h"
#include "base/random.h"               // Random
#include "cache/head_slots.h"          // HeadSlots
#include "kvcompress/error.h"          // UsageError
#include "support/test_packed_form.h"  // TestPackedForm, ReversedForm
#include "support/test_pool.h"         // TestPool

namespace kvcompress::test {
namespace {

struct PackedCase {
  int tokens, head_dim, group;
  int32_t window = 0;
  bool bias = false;
  int64_t sinks = 4, recent = 70;
  double dropped = 0;  // share of the tokens that are evicted after sealing
  bool reversed = false;
};

// One head with packed pages, and one that holds what it reads back in exact ones.
struct Twins {
  explicit Twins(const PackedCase& c, uint64_t seed = 1)
      : exact_pool(c.head_dim, {.bias = c.bias}),
        plain(c.head_dim),
        reversed(c.head_dim),
        packed_pool(plain.payload_bytes(), c.head_dim, {.bias = c.bias}, &exact_pool.memory(), &store),
        packed(&exact_pool, &exact_pool.form(),
               {&packed_pool, c.reversed ? static_cast<const PackedForm*>(&reversed) : &plain}),
        exact(&exact_pool, &exact_pool.form()) {
    Random random(seed, static_cast<uint64_t>(c.tokens));
    const auto width = static_cast<size_t>(c.head_dim);
    std::vector<float> keys(c.tokens * width), values(keys.size());
    random.fill_normal(keys);
    random.fill_normal(values);
    std::vector<int32_t> positions(static_cast<size_t>(c.tokens));
    std::iota(positions.begin(), positions.end(), 0);
    packed.append(positions, keys.data(), c.head_dim, values.data(), c.head_dim);
    for (int i = 0; c.bias && i < c.tokens; ++i) packed.set_bias(i, static_cast<float>(random.normal()));
    packed.seal(c.sinks, c.recent);
    std::vector<int32_t> kept;
    for (int i = 0; i < c.tokens; ++i) {
      if (random.uniform() >= c.dropped) kept.push_back(i);
    }
    packed.keep(kept, false);

    positions.resize(kept.size());
    packed.positions(positions);
    packed.load_all(keys.data(), values.data());
    if (positions.empty()) return;
    exact.append(positions, keys.data(), c.head_dim, values.data(), c.head_dim);
    slots.resize(kept.size());
    packed.slots(slots);
    for (size_t i = 0; c.bias && i < slots.size(); ++i) {
      const float* bias = packed.pages()[static_cast<size_t>(slots[i] / kPageSlots)].bias;
      exact.set_bias(static_cast<int32_t>(i), bias[slots[i] % kPageSlots]);
    }
  }

  TestPool exact_pool;
  PositionStore store{&exact_pool.memory()};
  TestPackedForm plain;
  ReversedForm reversed;
  PagePool packed_pool;
  HeadSlots packed, exact;
  std::vector<int32_t> slots;  // of `packed`, by live index; those of `exact` are 0, 1, 2, ...
};

AttentionShape shape_of(const PackedCase& c) {
  return {c.head_dim, c.group, 1.0f / std::sqrt(static_cast<float>(c.head_dim)), c.window};
}

std::vector<PackedCase> cases() {
  return {{.tokens = 300, .head_dim = 64, .group = 1},
          {.tokens = 1200, .head_dim = 64, .group = 3, .reversed = true},
          {.tokens = 2500, .head_dim = 16, .group = 2, .sinks = 0, .recent = 0},
          {.tokens = 500, .head_dim = 80, .group = 4, .dropped = 0.1, .reversed = true},
          {.tokens = 700, .head_dim = 128, .group = 9, .window = 200},
          {.tokens = 400, .head_dim = 100, .group = 5, .bias = true, .dropped = 0.15},
          {.tokens = 900, .head_dim = 48, .group = 7, .window = 33, .bias = true, .reversed = true},
          {.tokens = 640, .head_dim = 64, .group = 2, .sinks = 0, .recent = 0, .dropped = 0.2},
          {.tokens = 130, .head_dim = 256, .group = 1, .sinks = 1, .recent = 1}};
}

std::string text(const PackedCase& c, Isa isa) {
  return std::string(name(isa)) + " tokens " + std::to_string(c.tokens) + " head_dim " +
         std::to_string(c.head_dim) + " group " + std::to_string(c.group);
}

// By physical slot of the packed head, as of the exact one: [group][exact slots].
std::vector<float> moved(const Twins& twins, const std::vector<float>& by_slot, int group) {
  const size_t from = twins.packed.pages().size() * kPageSlots, to = twins.exact.pages().size() * kPageSlots;
  std::vector<float> out(static_cast<size_t>(group) * to, 0.0f);
  for (int g = 0; g < group; ++g) {
    for (size_t i = 0; i < twins.slots.size(); ++i) out[g * to + i] = by_slot[g * from + twins.slots[i]];
  }
  return out;
}

struct Decoded {
  std::vector<float> output, log_sum_exp, logits;
};

Decoded decode(const HeadSlots& head, const std::vector<float>& query, const PackedCase& c, ThreadPool& pool,
               Isa isa, Precision precision = Precision::exact) {
  Decoded result{std::vector<float>(query.size(), 7.0f), std::vector<float>(c.group, 7.0f),
                 std::vector<float>(c.group * head.pages().size() * kPageSlots, 7.0f)};
  DecodeTask task{head.pages(), query.data(), result.output.data(), result.log_sum_exp.data(), c.tokens - 1};
  task.logits = result.logits.data();
  attend_decode({&task, 1}, shape_of(c), precision, pool, attention_kernels(isa));
  return result;
}

TEST(Packed, CasesHavePackedPages) {
  for (const PackedCase& c : cases()) {
    const Twins twins(c);
    EXPECT_GT(twins.packed.packed_pages(), 0u);
    EXPECT_EQ(twins.packed.length(), twins.exact.length());
  }
}

TEST(Packed, DecodeEqualsExactPages) {
  for (const PackedCase& c : cases()) {
    const Twins twins(c);
    const auto query = random_floats(size_t(c.group) * c.head_dim, 3);
    for (const Isa isa : supported_isas()) {
      for (const int threads : {1, 2}) {
        ThreadPool pool(threads);
        const Decoded packed = decode(twins.packed, query, c, pool, isa);
        const Decoded exact = decode(twins.exact, query, c, pool, isa);
        ASSERT_LT(relative_error(packed.output.data(), exact.output.data(), query.size()), 1e-5)
            << text(c, isa);
        ASSERT_LT(relative_error(packed.log_sum_exp.data(), exact.log_sum_exp.data(), c.group), 1e-5);
        const auto logits = moved(twins, packed.logits, c.group);
        const size_t row = exact.logits.size() / c.group;
        for (int g = 0; g < c.group; ++g) {
          for (size_t i = 0; i < twins.slots.size(); ++i) {
            const float truth = exact.logits[g * row + i];
            if (std::isinf(truth)) {
              ASSERT_EQ(logits[g * row + i], truth) << text(c, isa);
            } else {
              ASSERT_NEAR(logits[g * row + i], truth, 1e-5 * (1 + std::abs(truth))) << text(c, isa);
            }
          }
        }
        const Decoded fast = decode(twins.packed, query, c, pool, isa, Precision::fast);
        ASSERT_LT(mean_error(fast.output, exact.output), 1e-2) << text(c, isa);
      }
    }
  }
}

// Slots without a token have no logit, wherever they are.
TEST(Packed, HolesAreHidden) {
  const PackedCase c{.tokens = 640, .head_dim = 64, .group = 2, .dropped = 0.2};
  const Twins twins(c);
  ThreadPool pool(1);
  const auto query = random_floats(128, 3);
  for (const Isa isa : supported_isas()) {
    const Decoded packed = decode(twins.packed, query, c, pool, isa);
    for (size_t s = 0; s < packed.logits.size(); ++s) {
      const size_t slot = s % (packed.logits.size() / 2);
      const bool live = twins.packed.pages()[slot / kPageSlots].positions[slot % kPageSlots] != kNoToken;
      ASSERT_EQ(std::isfinite(packed.logits[s]), live) << name(isa) << " slot " << slot;
    }
  }
}

struct Read {
  std::vector<float> output, log_sum_exp, column_sums, captured;
};

// The last `count` queries of a head by prefill, and their weights by capture.
Read read(const HeadSlots& head, const std::vector<float>& queries, int count, const PackedCase& c,
          Precision precision, ThreadPool& pool, Isa isa) {
  const AttentionShape shape = shape_of(c);
  const size_t slots = head.pages().size() * kPageSlots;
  const int64_t row = int64_t{c.group} * c.head_dim;
  Read result{std::vector<float>(queries.size()), std::vector<float>(size_t(count) * c.group),
              std::vector<float>(c.group * slots), std::vector<float>(c.group * slots, 7.0f)};
  std::vector<int32_t> positions(static_cast<size_t>(count));
  std::iota(positions.begin(), positions.end(), c.tokens - count);
  const PrefillTask prefill{head.pages(),
                            queries.data(),
                            row,
                            result.output.data(),
                            row,
                            result.log_sum_exp.data(),
                            positions.data(),
                            count,
                            result.column_sums.data()};
  attend_prefill({&prefill, 1}, shape, precision, pool, attention_kernels(isa));
  const CaptureTask capture{
      head.pages(), queries.data(),        row, result.log_sum_exp.data(), positions.data(),
      count,        result.captured.data()};
  capture_scores({&capture, 1}, shape, pool, attention_kernels(isa));
  return result;
}

TEST(Packed, PrefillAndCaptureEqualExactPages) {
  constexpr int kQueries = 30;
  for (const PackedCase& c : cases()) {
    const Twins twins(c);
    const auto queries = random_floats(size_t(kQueries) * c.group * c.head_dim, 5);
    for (const Isa isa : supported_isas()) {
      ThreadPool pool(2);
      for (const Precision precision : {Precision::exact, Precision::fast}) {
        const bool rounds = precision == Precision::fast && isa == Isa::avx512_bf16;
        const double bound = rounds ? 2e-2 : 2e-5;
        const Read packed = read(twins.packed, queries, kQueries, c, precision, pool, isa);
        const Read exact = read(twins.exact, queries, kQueries, c, precision, pool, isa);
        ASSERT_LT(mean_error(packed.output, exact.output), bound) << text(c, isa);
        ASSERT_LT(mean_error(packed.log_sum_exp, exact.log_sum_exp), bound) << text(c, isa);
        ASSERT_LT(mean_error(moved(twins, packed.column_sums, c.group), exact.column_sums), bound)
            << text(c, isa);
        ASSERT_LT(mean_error(moved(twins, packed.captured, c.group), exact.captured), bound) << text(c, isa);
      }
    }
  }
}

TEST(Packed, KeyNormsEqualExactPages) {
  for (const PackedCase& c : cases()) {
    const Twins twins(c);
    for (const Isa isa : supported_isas()) {
      std::vector<float> packed(twins.packed.pages().size() * kPageSlots, 7.0f);
      std::vector<float> exact(twins.exact.pages().size() * kPageSlots, 7.0f);
      key_norms(twins.packed.pages(), c.head_dim, packed.data(), attention_kernels(isa));
      key_norms(twins.exact.pages(), c.head_dim, exact.data(), attention_kernels(isa));
      const auto by_token = moved(twins, packed, 1);
      for (size_t s = 0; s < exact.size(); ++s) ASSERT_EQ(by_token[s], exact[s]) << text(c, isa);
      for (size_t s = 0; s < packed.size(); ++s) {
        const bool live = twins.packed.pages()[s / kPageSlots].positions[s % kPageSlots] != kNoToken;
        ASSERT_EQ(packed[s] > 0, live);
      }
    }
  }
}

// Bit for bit: packed and exact heads of different lengths in one call, on any number of threads.
TEST(Packed, ThreadsAndBatchDoNotMatter) {
  std::vector<PackedCase> several;
  for (const int tokens : {3000, 70, 2200, 1, 515}) {
    several.push_back({.tokens = tokens, .head_dim = 64, .group = 3, .reversed = tokens == 2200});
  }
  std::vector<std::unique_ptr<Twins>> twins;
  for (const PackedCase& c : several) twins.push_back(std::make_unique<Twins>(c));
  const auto query = random_floats(3 * 64, 8);
  for (const Isa isa : supported_isas()) {
    for (const int threads : {1, 2, 3}) {
      ThreadPool pool(threads), single(1);
      std::vector<std::vector<float>> outputs(twins.size(), std::vector<float>(query.size()));
      std::vector<DecodeTask> tasks;
      for (size_t i = 0; i < twins.size(); ++i) {
        tasks.push_back(
            {twins[i]->packed.pages(), query.data(), outputs[i].data(), nullptr, several[i].tokens - 1});
      }
      attend_decode(tasks, shape_of(several[0]), Precision::fast, pool, attention_kernels(isa));
      for (size_t i = 0; i < twins.size(); ++i) {
        EXPECT_EQ(outputs[i],
                  decode(twins[i]->packed, query, several[i], single, isa, Precision::fast).output)
            << name(isa) << " threads " << threads << " sequence " << i;
      }
    }
  }
}

TEST(Packed, RefusesPagesThatNoHeadHas) {
  const PackedCase c{.tokens = 300, .head_dim = 64, .group = 1};
  const Twins twins(c);
  ThreadPool pool(1);
  std::vector<float> query(64), output(64);
  std::vector<PageView> pages(twins.packed.pages().rbegin(), twins.packed.pages().rend());
  DecodeTask task{pages, query.data(), output.data(), nullptr, 299};
  EXPECT_THROW(attend_decode({&task, 1}, shape_of(c), pool), UsageError);
  pages.assign(twins.packed.pages().begin(), twins.packed.pages().end());
  task.pages = pages;
  EXPECT_NO_THROW(attend_decode({&task, 1}, shape_of(c), pool));
  pages[1].packed = &twins.reversed;
  EXPECT_THROW(attend_decode({&task, 1}, shape_of(c), pool), UsageError);
  const ReversedForm narrow(32);
  for (PageView& page : pages) page.packed = &narrow;
  EXPECT_THROW(attend_decode({&task, 1}, shape_of(c), pool), UsageError);
}

}  // namespace
}  // namespace kvcompress::test
