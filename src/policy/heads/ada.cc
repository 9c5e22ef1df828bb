#include <algorithm>   // std::max, std::clamp, std::nth_element
#include <functional>  // std::greater

#include "policy/budget/apportion.h"  // apportion
#include "policy/budget/joint.h"      // competing_scores, best_per_row
#include "policy/budget/shares.h"     // HeadShares
#include "policy/registry.h"          // KVC_ANSWER

namespace kvcompress {
namespace {

// How a layer's slots stand: those that are forced, and the scores of the others.
struct Competition {
  std::vector<std::vector<float>> rows;  // [heads]
  std::vector<double> forced;            // [heads]
  double room = 0;                       // slots of all heads beyond the forced ones
};

Competition competition_of(const HeadShareInput& input) {
  Competition out;
  out.room = input.mean_slots * static_cast<double>(input.scored.size());
  for (const HeadSelection& head : input.scored) {
    out.rows.push_back(competing_scores(head));
    out.forced.push_back(static_cast<double>(head.scores.size() - out.rows.back().size()));
    out.room -= out.forced.back();
  }
  out.room = std::max(out.room, 0.0);
  return out;
}

// The share of a head's mass, of scores of 0 and more, that lies in its own `count` best.
float top_share(std::vector<float> row, int64_t count) {
  if (count <= 0 || count >= static_cast<int64_t>(row.size())) return 1;
  std::nth_element(row.begin(), row.begin() + count, row.end(), std::greater<>());
  double top = 0, all = 0;
  for (size_t i = 0; i < row.size(); ++i) {
    all += row[i];
    if (static_cast<int64_t>(i) < count) top += row[i];
  }
  return all > 0 ? static_cast<float>(top / all) : 1;
}

// paper: of the room, what a head gets is alpha times an equal part and 1 - alpha times how many of the
//   layer's best slots are its own; forced slots come on top.
// safeguard: each head's int(alpha * mean) best are safe, the forced ones first; the rest of the layer's sum
//   goes to the best of what is left, over all heads.
class AdaHeads final : public HeadShares {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.choice(
        "form", form_, {"paper", "safeguard"},
        "paper: a blend of equal parts and of the heads' numbers among the layer's best; safeguard: "
        "each head's best are safe, all heads compete for the rest (kvpress)");
    visitor.real("alpha", alpha_, 0, 1,
                 "share of the mean that every head is sure of: 1 is equal, 0 unguarded");
    visitor.boolean(
        "normalise", normalise_,
        "multiply a head's scores by the share of its mass in its own best before heads are compared");
    visitor.integer("skip", skip_, 0, 4096, "the first layers, whose heads get the same");
  }

  bool by_score() const override { return true; }

  std::vector<double> weights(const HeadShareInput& input) const override {
    return std::vector<double>(input.kv_heads, 1.0);
  }

  std::vector<int64_t> share(const HeadShareInput& input, int64_t total, std::span<const int64_t> floors,
                             std::span<const int64_t> caps) const override {
    // A plan made before there are scores, and layers that are left out.
    if (input.scored.empty() || input.layer < skip_) return apportion(total, weights(input), floors, caps);
    Competition competition = competition_of(input);
    std::vector<double> slots = form_ == "paper" ? blended(competition) : safeguarded(competition, input);
    for (double& count : slots) count = std::max(count, 1e-9);  // weights are above 0
    return apportion(total, slots, floors, caps);
  }

 private:
  void normalise(Competition& competition) const {
    if (!normalise_) return;
    const auto count = static_cast<int64_t>(competition.room / static_cast<double>(competition.rows.size()));
    for (std::vector<float>& row : competition.rows) {
      const float share = top_share(row, count);
      for (float& score : row) score *= share;
    }
  }

  std::vector<double> blended(Competition& competition) const {
    normalise(competition);
    const std::vector<int64_t> best = best_per_row(competition.rows, static_cast<int64_t>(competition.room));
    const double equal = competition.room / static_cast<double>(competition.rows.size());
    std::vector<double> slots = competition.forced;
    for (size_t i = 0; i < slots.size(); ++i) {
      slots[i] += (1 - alpha_) * static_cast<double>(best[i]) + alpha_ * equal;
    }
    return slots;
  }

  std::vector<double> safeguarded(Competition& competition, const HeadShareInput& input) const {
    normalise(competition);
    auto safe = static_cast<int64_t>(input.mean_slots * alpha_);
    if (alpha_ > 0) safe = std::max<int64_t>(safe, 1);
    std::vector<double> slots = competition.forced;
    double room = competition.room;
    for (size_t i = 0; i < slots.size(); ++i) {
      std::vector<float>& row = competition.rows[i];
      const auto own =
          std::clamp<int64_t>(safe - static_cast<int64_t>(slots[i]), 0, static_cast<int64_t>(row.size()));
      if (own == 0) continue;
      std::nth_element(row.begin(), row.begin() + (own - 1), row.end(), std::greater<>());
      row.erase(row.begin(), row.begin() + own);
      slots[i] += static_cast<double>(own);
      room -= static_cast<double>(own);
    }
    const std::vector<int64_t> best = best_per_row(competition.rows, static_cast<int64_t>(room));
    for (size_t i = 0; i < slots.size(); ++i) slots[i] += static_cast<double>(best[i]);
    return slots;
  }

  std::string form_ = "paper";
  double alpha_ = 0.2;
  bool normalise_ = false;
  int64_t skip_ = 0;
};

}  // namespace

KVC_ANSWER(heads, ada, AdaHeads, "heads of a layer compete by their scores, each sure of a part",
           "arXiv:2407.11550 (Ada-KV) algorithm 1; kvpress 0.5.5, AdaKVPress")

}  // namespace kvcompress
