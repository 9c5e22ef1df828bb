// Decode attention over caches of every packed form, against the same numbers in f16 pages: lengths, ragged
// heads in one call, exact and packed pages and different forms merged.
#include "support/packed_forms.h"  // all_forms, make_form

#include <gtest/gtest.h>

#include <cmath>    // std::abs, std::exp, std::sqrt
#include <memory>   // std::unique_ptr
#include <numeric>  // std::iota

#include "attention/attention.h"
#include "attention/attention_cases.h"  // random_floats
#include "base/random.h"                // Random
#include "cache/head_slots.h"           // HeadSlots
#include "support/test_pool.h"          // TestPool

namespace kvcompress::test {
namespace {

// A head that has most of its tokens in a packed form, and what it reads back in float32.
struct Packed {
  Packed(const PackedSettings& settings, TestPool& exact, PositionStore& positions, int tokens, uint64_t seed)
      : head_dim(exact.form().head_dim()),
        form(make_form(settings, head_dim)),
        pool(form->payload_bytes(), head_dim, {}, &exact.memory(), &positions),
        head(&exact, &exact.form(), {&pool, form.get()}) {
    Random random(seed);
    keys.resize(static_cast<size_t>(tokens) * head_dim);
    values.resize(keys.size());
    random.fill_normal(keys);
    random.fill_normal(values);
    std::vector<int32_t> at(static_cast<size_t>(tokens));
    std::iota(at.begin(), at.end(), 0);
    head.append(at, keys.data(), head_dim, values.data(), head_dim);
    head.seal(4, 20);
    head.load_all(keys.data(), values.data());
  }
  int head_dim;
  std::unique_ptr<PackedForm> form;
  PagePool pool;
  HeadSlots head;
  std::vector<float> keys, values;  // [tokens][head_dim], as they are read back
};

struct Plain {
  std::vector<double> output;
  double magnitude = 0;  // the greatest sum of weights times magnitudes, which rounding is measured against
};

// softmax(scale * q.k) v in double precision.
Plain plain_attention(const Packed& p, const std::vector<float>& query, int group, double scale) {
  const size_t d = static_cast<size_t>(p.head_dim), tokens = p.keys.size() / d;
  Plain plain{std::vector<double>(query.size())};
  for (size_t g = 0; g < static_cast<size_t>(group); ++g) {
    std::vector<double> logits(tokens), sums(d), magnitudes(d);
    double most = -1e300, total = 0;
    for (size_t t = 0; t < tokens; ++t) {
      for (size_t c = 0; c < d; ++c) logits[t] += scale * query[g * d + c] * p.keys[t * d + c];
      most = std::max(most, logits[t]);
    }
    for (size_t t = 0; t < tokens; ++t) {
      const double weight = std::exp(logits[t] - most);
      total += weight;
      for (size_t c = 0; c < d; ++c) {
        sums[c] += weight * p.values[t * d + c];
        magnitudes[c] += weight * std::abs(p.values[t * d + c]);
      }
    }
    for (size_t c = 0; c < d; ++c) {
      plain.output[g * d + c] = sums[c] / total;
      plain.magnitude = std::max(plain.magnitude, magnitudes[c] / total);
    }
  }
  return plain;
}

TEST(PackedForms, DecodeOfRaggedHeadsEqualsAttentionOnWhatIsReadBack) {
  const auto forms = all_forms();
  const int head_dims[] = {16, 64, 80, 128};
  for (size_t i = 0; i < forms.size(); ++i) {
    for (const int head_dim : {head_dims[i % 4], head_dims[(i + 1) % 4]}) {  // every form at two of them
      const int group = head_dim == 64 ? 3 : head_dim == 80 ? 1 : 4;
      const double scale = 1 / std::sqrt(static_cast<double>(head_dim));
      TestPool exact(head_dim);
      PositionStore positions(&exact.memory());
      // Two forms, and lengths below and above a page and a range of pages, in one call.
      const NamedForm& other = forms[(i + 1) % forms.size()];
      std::vector<std::unique_ptr<Packed>> heads;
      for (const int tokens : {60, 150, 1100}) {
        const PackedSettings& settings = tokens == 150 ? other.settings : forms[i].settings;
        heads.push_back(std::make_unique<Packed>(settings, exact, positions, tokens, 7 + i));
      }
      std::vector<std::vector<float>> queries, outputs;
      std::vector<DecodeTask> tasks;
      for (size_t h = 0; h < heads.size(); ++h) {
        queries.push_back(random_floats(static_cast<int64_t>(group) * head_dim, static_cast<int>(h + 1)));
        outputs.emplace_back(queries.back().size());
      }
      for (size_t h = 0; h < heads.size(); ++h) {
        tasks.push_back({heads[h]->head.pages(), queries[h].data(), outputs[h].data(), nullptr, 1 << 20});
      }
      ThreadPool pool(2);
      attend_decode(tasks, {head_dim, group, static_cast<float>(scale), 0}, Precision::exact, pool);
      EXPECT_GT(heads[2]->head.packed_pages(), 10u);
      for (size_t h = 0; h < heads.size(); ++h) {
        const Plain truth = plain_attention(*heads[h], queries[h], group, scale);
        for (size_t at = 0; at < outputs[h].size(); ++at) {
          ASSERT_NEAR(outputs[h][at], truth.output[at], 1e-5 * truth.magnitude)
              << forms[i].name << " and " << other.name << ", head_dim " << head_dim << ", head " << h;
        }
      }
    }
  }
}

}  // namespace
}  // namespace kvcompress::test
