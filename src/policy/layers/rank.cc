#include <fmt/format.h>
#include <kvcompress/error.h>  // Error, InputError

#include <algorithm>   // std::sort, std::max_element
#include <cmath>       // std::exp, std::pow
#include <functional>  // std::greater
#include <numeric>     // std::iota
#include <utility>     // std::swap

#include "base/random.h"            // Random
#include "base/statistics.h"        // mean, percentile
#include "policy/budget/pyramid.h"  // pyramid_slots
#include "policy/budget/shares.h"   // LayerShares
#include "policy/registry.h"        // KVC_ANSWER

namespace kvcompress {
namespace {

constexpr double kLeast = 1e-10;

// Composition is a product, schedule x statistic, that the planner brings to the recipe's amount; the source
// replaces the schedule instead.
class RankLayers final : public LayerShares {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.choice(
        "statistic", statistic_, {"prompt", "profile"},
        "prompt: the effective rank of each layer's cached keys; profile: what calibrate measured");
    visitor.real("alpha", alpha_, 0, 1, "how far ranks count: 0 every layer the same, 1 by rank alone");
    visitor.choice(
        "strategy", strategy_, {"proportional", "softmax", "power", "adaptive"},
        "rank to weight: as it is, exp(rank / temperature), rank to the power of the "
        "exponent, or half below the first quarter, one and a half above the third, and 1 between");
    visitor.real("temperature", temperature_, 0.001, 1000, "of strategy softmax");
    visitor.real("exponent", exponent_, 0.01, 10, "of strategy power");
    visitor.choice("order", order_, {"rank", "inverse", "random"},
                   "inverse and random give the same weights to other layers: ablations");
    visitor.integer("seed", seed_, 0, 0x7fffffff, "of order random");
    visitor.choice("times", times_, {"uniform", "pyramid"}, "the schedule that the weights multiply");
    visitor.real("beta", beta_, 1, 1e6, "of times pyramid");
  }

  bool needs_key_ranks() const override { return statistic_ == "prompt"; }
  std::string calibration_kind() const override { return statistic_ == "profile" ? "rank" : ""; }

  std::vector<double> weights(const LayerShareInput& input) const override {
    const std::vector<double> ranks = ranks_of(input);
    std::vector<int> limited;
    for (int layer = 0; layer < input.layers; ++layer) {
      if (ranks[layer] > 0) limited.push_back(layer);
    }
    std::vector<double> known;
    for (const int layer : limited) known.push_back(ranks[layer]);
    const std::vector<double> blended = reordered(known, blend(strategy(known)));
    std::vector<double> weights(input.layers, 1.0);
    if (times_ == "pyramid") {
      weights = pyramid_slots({input.layers, input.mean_slots, input.tokens_seen, input.recent, beta_});
    }
    for (size_t i = 0; i < limited.size(); ++i) weights[limited[i]] *= std::max(blended[i], kLeast);
    return weights;
  }

 private:
  // A layer that is not limited has no rank in a prompt: 0.
  std::vector<double> ranks_of(const LayerShareInput& input) const {
    if (statistic_ == "prompt") {
      // A plan before the prompt has been read, as inspect makes it, knows no ranks: even.
      if (input.key_ranks.empty()) return std::vector<double>(input.layers, 1.0);
      if (static_cast<int>(input.key_ranks.size()) == input.layers) {
        return {input.key_ranks.begin(), input.key_ranks.end()};
      }
      throw Error(
          fmt::format("[rank] expected a rank for each of {} layers, got {}; this is a defect of the caller",
                      input.layers, input.key_ranks.size()));
    }
    if (input.calibration == nullptr) {
      throw Error("[rank] expected a profile, got none; this is a defect of the caller");
    }
    const std::vector<float>& profile = input.calibration->array("rank", {input.layers});
    for (const float rank : profile) {
      if (rank > 0) continue;
      throw InputError(fmt::format(
          "[profile rank] expected ranks above 0, got {}; make it again with kvcompress calibrate", rank));
    }
    return {profile.begin(), profile.end()};
  }

  std::vector<double> strategy(const std::vector<double>& ranks) const {
    std::vector<double> weights;
    const double most = *std::max_element(ranks.begin(), ranks.end());
    const double low = percentile(ranks, 25), high = percentile(ranks, 75);
    for (const double rank : ranks) {
      double weight = rank;
      if (strategy_ == "softmax") weight = std::exp((rank - most) / temperature_);
      if (strategy_ == "power") weight = std::pow(rank, exponent_);
      if (strategy_ == "adaptive") weight = rank < low ? 0.5 : rank > high ? 1.5 : 1;
      weights.push_back(std::max(weight, kLeast));
    }
    return weights;
  }

  std::vector<double> blend(std::vector<double> weights) const {
    const double average = mean(weights);
    for (double& weight : weights) weight = (1 - alpha_) + alpha_ * weight / average;
    return weights;
  }

  std::vector<double> reordered(const std::vector<double>& ranks, std::vector<double> weights) const {
    if (order_ == "random") {
      Random random(static_cast<uint64_t>(seed_));
      for (size_t i = weights.size(); i > 1; --i) std::swap(weights[i - 1], weights[random.below(i)]);
    } else if (order_ == "inverse") {
      // The largest weight to the layer of the smallest rank, and so on; of equal ranks the earlier layer.
      std::vector<size_t> rising(ranks.size());
      std::iota(rising.begin(), rising.end(), size_t{0});
      std::stable_sort(rising.begin(), rising.end(), [&](size_t a, size_t b) { return ranks[a] < ranks[b]; });
      std::vector<double> falling = weights;
      std::sort(falling.begin(), falling.end(), std::greater<>());
      for (size_t i = 0; i < rising.size(); ++i) weights[rising[i]] = falling[i];
    }
    return weights;
  }

  std::string statistic_ = "prompt";
  double alpha_ = 1;
  std::string strategy_ = "proportional";
  double temperature_ = 1;
  double exponent_ = 2;
  std::string order_ = "rank";
  int64_t seed_ = 42;
  std::string times_ = "uniform";
  double beta_ = 20;
};

}  // namespace

KVC_ANSWER(layers, rank, RankLayers, "by the effective rank of each layer's keys",
           "github.com/Takagi-v/RankKV; the statistic is taken of the cached keys")

}  // namespace kvcompress
