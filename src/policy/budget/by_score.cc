// Budgets that follow from the scores: heads of a layer, or of all layers, compete for one sum.
#include <algorithm>  // std::max, std::min
#include <numeric>    // std::accumulate

#include "policy/budget.h"
#include "policy/budget/apportion.h"  // apportion
#include "policy/budget/joint.h"      // competing_scores, best_per_row

namespace kvcompress {
namespace {

int64_t forced_slots(const HeadSelection& head) {
  return std::accumulate(head.forced.begin(), head.forced.end(), int64_t{0});
}

int64_t units_for(int64_t slots, int unit_slots) { return (slots + unit_slots - 1) / unit_slots; }

}  // namespace

std::vector<int64_t> HeadShares::share(const HeadShareInput& input, int64_t total,
                                       std::span<const int64_t> floors, std::span<const int64_t> caps) const {
  return apportion(total, weights(input), floors, caps);
}

std::vector<int64_t> share_by_score(const BudgetSettings& settings, std::span<const HeadSelection> heads,
                                    std::span<const int32_t> budgets, int unit_slots) {
  // Sums are compared, not heads: one that holds more than its plan has what others gave up before.
  int64_t planned = 0, held = 0;
  std::vector<int64_t> floors, caps;
  for (size_t i = 0; i < heads.size(); ++i) {
    const auto slots = static_cast<int64_t>(heads[i].scores.size());
    planned += budgets[i];
    held += slots;
    floors.push_back(units_for(std::max<int64_t>(1, forced_slots(heads[i])), unit_slots));
    caps.push_back(std::max(floors.back(), units_for(slots, unit_slots)));
  }
  HeadShareInput input;
  input.layer = heads.front().input.layer;
  input.kv_heads = static_cast<int>(heads.size());
  input.group = heads.front().input.group;
  input.mean_slots = static_cast<double>(std::min(planned, held)) / static_cast<double>(heads.size());
  input.recent = settings.recent;
  input.scored = heads;
  const int64_t units = std::min(planned / unit_slots, units_for(held, unit_slots));
  std::vector<int64_t> parts = settings.head_shares->share(input, units, floors, caps);
  for (int64_t& part : parts) part *= unit_slots;
  return parts;
}

std::vector<double> layer_weights_by_score(std::span<const std::vector<HeadSelection>> layers,
                                           int64_t total) {
  std::vector<double> weights(layers.size());
  std::vector<std::vector<float>> rows(layers.size());
  int64_t room = total;
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    for (const HeadSelection& head : layers[layer]) {
      const std::vector<float> scores = competing_scores(head);
      rows[layer].insert(rows[layer].end(), scores.begin(), scores.end());
      const int64_t forced = forced_slots(head);
      weights[layer] += static_cast<double>(forced);
      room -= forced;
    }
  }
  const std::vector<int64_t> best = best_per_row(rows, room);
  constexpr double kLeast = 1e-9;  // weights are above 0
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    weights[layer] = std::max(weights[layer] + static_cast<double>(best[layer]), kLeast);
  }
  return weights;
}

}  // namespace kvcompress
