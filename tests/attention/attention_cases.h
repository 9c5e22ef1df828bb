// Caches of random content, pages written by hand, and attention in double precision to compare with.
#pragma once

#include <cmath>    // std::exp, std::log
#include <cstring>  // std::memcpy
#include <limits>   // std::numeric_limits
#include <memory>   // std::unique_ptr
#include <random>   // std::mt19937
#include <vector>   // std::vector

#include "attention/kernels.h"
#include "codec/f16.h"

namespace kvcompress::test {

struct CacheOptions {
  double holes = 0;  // share of the tokens that are dropped again
  bool bias = false;
  bool gaps = false;    // positions skip some numbers
  int empty_page = -1;  // this page loses all its tokens
};

// The tokens of one KV head as the attention of the engine sees them, and as plain rows.
class TestCache {
 public:
  TestCache(int tokens, int head_dim, CacheOptions options, uint32_t seed)
      : head_dim_(head_dim), padded_(padded_head_dim(head_dim)), random_(seed) {
    int32_t position = 0;
    for (int t = 0; t < tokens; ++t) {
      if (options.gaps) position += static_cast<int32_t>(random_() % 3);
      append(position++, options);
    }
    next_position = position;
    for (size_t p = 0; p < views.size(); ++p) summarize(views[p], *store_[p]);
  }

  struct Token {
    int slot;  // physical
    int32_t position;
    float bias;
    std::vector<float> key, value;  // as stored, after rounding
  };

  std::vector<PageView> views;
  std::vector<Token> tokens;  // live ones
  int32_t next_position = 0;

 private:
  struct Page {
    explicit Page(int padded)
        : memory(static_cast<uint16_t*>(
              ::operator new (size_t{kPageSlots} * padded * 4, std::align_val_t{64}))) {
      // Unwritten slots hold NaN: a kernel that lets one through spoils its result.
      std::fill_n(memory.get(), kPageSlots * padded * 2, uint16_t{0x7E00});
      std::fill_n(positions, kPageSlots, kNoToken);
      std::fill_n(bias, kPageSlots, 0.0f);
    }
    struct Free {
      void operator()(uint16_t* p) const { ::operator delete (p, std::align_val_t{64}); }
    };
    std::unique_ptr<uint16_t, Free> memory;
    int32_t positions[kPageSlots];
    float bias[kPageSlots];
  };

  void append(int32_t position, const CacheOptions& options) {
    if (views.empty() || views.back().used == kPageSlots) {
      store_.push_back(std::make_unique<Page>(padded_));
      Page& page = *store_.back();
      views.push_back({reinterpret_cast<const std::byte*>(page.memory.get()), page.positions,
                       options.bias ? page.bias : nullptr, kNoToken, -1, 0, 0, nullptr});
    }
    Page& page = *store_.back();
    const int slot = views.back().used++;
    const int page_index = static_cast<int>(views.size()) - 1;
    Token token{page_index * kPageSlots + slot, position, 0, {}, {}};
    std::normal_distribution<float> normal;
    for (int c = 0; c < padded_; ++c) {
      const uint16_t key = c < head_dim_ ? f16_from_f32(normal(random_)) : 0;
      const uint16_t value = c < head_dim_ ? f16_from_f32(normal(random_)) : 0;
      page.memory.get()[((slot / kKeyGroup) * padded_ + c) * kKeyGroup + slot % kKeyGroup] = key;
      page.memory.get()[kPageSlots * padded_ + slot * padded_ + c] = value;
      if (c < head_dim_) token.key.push_back(f32_from_f16(key));
      if (c < head_dim_) token.value.push_back(f32_from_f16(value));
    }
    if (options.bias) token.bias = page.bias[slot] = normal(random_);
    const bool hole =
        std::uniform_real_distribution<>()(random_) < options.holes || page_index == options.empty_page;
    if (hole) return;
    page.positions[slot] = position;
    tokens.push_back(std::move(token));
  }

  static void summarize(PageView& view, const Page& page) {
    for (int s = 0; s < kPageSlots; ++s) {
      if (page.positions[s] == kNoToken) continue;
      if (view.live++ == 0) view.first_position = page.positions[s];
      view.last_position = page.positions[s];
    }
  }

  int head_dim_, padded_;
  std::mt19937 random_;
  std::vector<std::unique_ptr<Page>> store_;
};

inline std::vector<float> random_floats(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> out(count);
  for (float& x : out) x = normal(random);
  return out;
}

struct Reference {
  std::vector<double> output;  // [head_dim]
  double log_sum_exp;
  std::vector<double> weights;  // per live token
};

// One query head by the definition, in double precision.
inline Reference attend_by_definition(const TestCache& cache, const float* query, const AttentionShape& shape,
                                      int32_t position) {
  Reference result{std::vector<double>(shape.head_dim), -std::numeric_limits<double>::infinity(), {}};
  std::vector<double> logits;
  double maximum = -1e300;
  for (const auto& token : cache.tokens) {
    double logit = token.bias;
    for (int c = 0; c < shape.head_dim; ++c) logit += double{shape.scale} * query[c] * token.key[c];
    const bool seen = token.position <= position &&
                      (shape.sliding_window == 0 || token.position > position - shape.sliding_window);
    logits.push_back(seen ? logit : -std::numeric_limits<double>::infinity());
    maximum = std::max(maximum, logits.back());
  }
  double sum = 0;
  for (const double logit : logits) sum += std::exp(logit - maximum);
  result.weights.assign(logits.size(), 0);
  if (sum == 0) return result;
  result.log_sum_exp = maximum + std::log(sum);
  for (size_t t = 0; t < logits.size(); ++t) {
    result.weights[t] = std::exp(logits[t] - result.log_sum_exp);
    for (int c = 0; c < shape.head_dim; ++c) result.output[c] += result.weights[t] * cache.tokens[t].value[c];
  }
  return result;
}

// The greatest distance between two vectors, relative to the length of the second per entry (its root mean
// square).
template <typename A, typename B>
double relative_error(const A* a, const B* b, size_t count) {
  double worst = 0, squares = 0;
  for (size_t i = 0; i < count; ++i) {
    const double difference = std::abs(double{a[i]} - double{b[i]});
    if (!(difference <= worst)) worst = difference;  // also when it is NaN
    squares += double{b[i]} * b[i];
  }
  const double size = std::sqrt(squares / static_cast<double>(count));
  return size > 0 ? worst / size : worst;
}

// The root mean square distance between two vectors, relative to that of the second.
inline double mean_error(const std::vector<float>& a, const std::vector<float>& b) {
  double differences = 0, squares = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    differences += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
    squares += double{b[i]} * b[i];
  }
  return squares > 0 ? std::sqrt(differences / squares) : std::sqrt(differences);
}

}  // namespace kvcompress::test
