#include <kvcompress/error.h>  // Error

#include <algorithm>  // std::stable_sort, std::min, std::max
#include <cmath>      // std::nearbyint
#include <numeric>    // std::iota, std::accumulate

#include "policy/budget/shares.h"  // HeadShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

// Two classes of heads. Without an amount, retrieval heads keep everything and streaming heads the recipe's
// sinks and recent slots. With an amount, the heads in order of their scores get all they can use until it is
// spent; `streaming` then means nothing.
class DuoHeads final : public HeadShares {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.real("streaming", streaming_, 0, 1,
                 "share of the heads of all limited layers that keep only sinks and recent slots: those of "
                 "the lowest retrieval scores");
  }

  bool spans_layers() const override { return true; }
  bool has_limits() const override { return true; }
  std::string calibration_kind() const override { return "duo"; }

  std::vector<double> weights(const HeadShareInput& input) const override {
    std::vector<double> weights = scores_of(input);
    for (double& weight : weights) weight = std::max(weight, 1e-9);  // weights are above 0
    return weights;
  }

  std::vector<int64_t> limits(const HeadShareInput& input, int64_t forced) const override {
    const std::vector<size_t> rising = rising_order(input);
    const auto count = static_cast<size_t>(std::nearbyint(streaming_ * static_cast<double>(rising.size())));
    std::vector<int64_t> limits(rising.size(), 0);
    for (size_t i = 0; i < count; ++i) limits[rising[i]] = forced;
    return limits;
  }

  std::vector<int64_t> share(const HeadShareInput& input, int64_t total, std::span<const int64_t> floors,
                             std::span<const int64_t> caps) const override {
    std::vector<int64_t> parts(floors.begin(), floors.end());
    int64_t left = total - std::accumulate(parts.begin(), parts.end(), int64_t{0});
    const std::vector<size_t> rising = rising_order(input);
    for (auto head = rising.rbegin(); head != rising.rend() && left > 0; ++head) {
      const int64_t more = std::min(left, caps[*head] - parts[*head]);
      parts[*head] += more;
      left -= more;
    }
    return parts;
  }

 private:
  // [limited layers][kv_heads]
  static std::vector<double> scores_of(const HeadShareInput& input) {
    if (input.calibration == nullptr) {
      throw Error("[duo] expected a profile, got none; this is a defect of the caller");
    }
    const std::vector<float>& table =
        input.calibration->array("retrieval", {input.all_layers, input.kv_heads});
    std::vector<double> scores;
    for (const int layer : input.layers) {
      const float* row = table.data() + static_cast<size_t>(layer) * input.kv_heads;
      scores.insert(scores.end(), row, row + input.kv_heads);
    }
    return scores;
  }

  // Indices from the lowest score to the highest; of equal scores the later head streams first.
  static std::vector<size_t> rising_order(const HeadShareInput& input) {
    const std::vector<double> scores = scores_of(input);
    std::vector<size_t> order(scores.size());
    std::iota(order.rbegin(), order.rend(), size_t{0});
    std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return scores[a] < scores[b]; });
    return order;
  }

  double streaming_ = 0.5;
};

}  // namespace

KVC_ANSWER(heads, duo, DuoHeads,
           "retrieval heads keep everything, streaming heads the first and the newest tokens",
           "arXiv:2410.10819 (DuoAttention); kvpress 0.5.5, DuoAttentionPress")

}  // namespace kvcompress
