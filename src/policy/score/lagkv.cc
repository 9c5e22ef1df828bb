#include <algorithm>  // std::fill, std::stable_sort
#include <cmath>      // std::sqrt
#include <numeric>    // std::iota

#include "compute/isa.h"                // active_isa
#include "compute/matrix.h"             // softmax
#include "policy/registry.h"            // KVC_ANSWER
#include "policy/score_policy.h"        // ScorePolicy
#include "policy/scoring/check.h"       // expect_count
#include "policy/scoring/lanes.h"       // dot, lane_sum
#include "policy/scoring/statistics.h"  // leading_slots

namespace kvcompress {
namespace {

// Cuts the slots after the sinks in partitions of `lag` and judges each by the next one: a token stands out
// when its channels, scaled to the next partition's range, spread widely. Sinks, the last full partition and
// what follows have the best score.
class LagKv final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("sinks", sinks_, 0, 4096, "first tokens left out (budget.sinks keeps them)");
    visitor.integer("lag", lag_, 2, 65536,
                    "tokens of a partition; fewer than sinks + 2 lag are ranked by age");
    visitor.boolean("cross_scoring", cross_scoring_,
                    "compare tokens of all partitions by score, in place of by rank inside their own");
  }

  ScoreNeeds needs() const override { return {.keys = true, .values = true}; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    const size_t numbers = out.size() * input.head_dim;
    expect_count("lagkv", "numbers of keys", numbers, input.keys.size());
    expect_count("lagkv", "numbers of values", numbers, input.values.size());
    expect_count("lagkv", "positions", out.size(), input.positions.size());
    const auto sinks = static_cast<size_t>(leading_slots(input, sinks_)), lag = static_cast<size_t>(lag_);
    std::fill(out.begin(), out.end(), 1.0f);
    const size_t rest = out.size() - sinks;
    if (rest < 2 * lag) {
      for (size_t i = 0; i < rest; ++i) {
        out[sinks + i] = static_cast<float>(i) / static_cast<float>(rest);
      }
      return;
    }
    const Isa isa = active_isa();
    for (size_t first = sinks; first + 2 * lag <= out.size(); first += lag) {
      const std::span<float> scores = out.subspan(first, lag);
      std::fill(scores.begin(), scores.end(), 0.0f);
      add_half(input.keys, input.head_dim, first, scores, isa);
      add_half(input.values, input.head_dim, first, scores, isa);
      if (!cross_scoring_) replace_by_rank(scores);
    }
  }

 private:
  // Adds half of the softmax over the partition of each token's spread.
  static void add_half(std::span<const float> rows, int size, size_t first, std::span<float> scores,
                       Isa isa) {
    const size_t lag = scores.size();
    const float* partition = rows.data() + first * size;
    const float* next = partition + lag * size;
    std::vector<float> least(next, next + size), most = least;
    for (size_t row = 1; row < lag; ++row) widen(next + row * size, size, least.data(), most.data());
    // A channel that is constant in the next partition gives no scale and says nothing.
    std::vector<float> scale(size);
    for (int j = 0; j < size; ++j) scale[j] = most[j] > least[j] ? 1 / (most[j] - least[j]) : 0.0f;
    std::vector<float> spreads(lag);
    std::vector<float> scaled(size);
    for (size_t row = 0; row < lag; ++row) {
      spreads[row] = spread(partition + row * size, least, scale, scaled.data());
    }
    softmax(spreads.data(), static_cast<int64_t>(lag), isa);
    for (size_t row = 0; row < lag; ++row) scores[row] += spreads[row] / 2;
  }

  static void widen(const float* __restrict row, int size, float* __restrict least, float* __restrict most) {
    for (int j = 0; j < size; ++j) {
      least[j] = row[j] < least[j] ? row[j] : least[j];
      most[j] = row[j] > most[j] ? row[j] : most[j];
    }
  }

  // The deviation, as of a sample, of a row's channels; scaled: [channels] of scratch.
  static float spread(const float* __restrict row, const std::vector<float>& least,
                      const std::vector<float>& scale, float* __restrict scaled) {
    const auto size = static_cast<int>(least.size());
    if (size < 2) return 0;
    const float* __restrict from = least.data();
    const float* __restrict by = scale.data();
    for (int j = 0; j < size; ++j) scaled[j] = (row[j] - from[j]) * by[j];
    const float mean = lane_sum(size, [=](int j) { return scaled[j]; }) / static_cast<float>(size);
    for (int j = 0; j < size; ++j) scaled[j] -= mean;
    return std::sqrt(dot(scaled, scaled, size) / static_cast<float>(size - 1));
  }

  // 0 for the least of the partition, up to 1 - 1 / lag; of equal ones the earlier has the higher rank.
  static void replace_by_rank(std::span<float> scores) {
    std::vector<size_t> order(scores.size());
    std::iota(order.rbegin(), order.rend(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
    const auto lag = static_cast<float>(scores.size());
    for (size_t rank = 0; rank < order.size(); ++rank) scores[order[rank]] = static_cast<float>(rank) / lag;
  }

  int64_t sinks_ = 4;
  int64_t lag_ = 128;
  bool cross_scoring_ = false;
};

}  // namespace

KVC_ANSWER(score, lagkv, LagKv, "tokens that stand out from the tokens after them are worth most",
           "arXiv:2504.04704 (LagKV) section 3; LagKVPress in kvpress")

}  // namespace kvcompress
