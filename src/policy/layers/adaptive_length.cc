#include <fmt/format.h>

#include <algorithm>  // std::max, std::min

#include "policy/budget/region.h"  // widened_region
#include "policy/budget/shares.h"  // LayerShares
#include "policy/registry.h"       // KVC_ANSWER

namespace kvcompress {
namespace {

// published: up to `soft` slots nothing is evicted; between soft and hard the share kept falls from keep_max
//   to keep_min, never below soft slots, a fifth of them recent; above hard, `target` slots, 4 sinks and half
//   of them recent. The curve is not monotone (1000 slots keep 318, 1025 keep 512), and applied token by
//   token it holds `soft` for ever, because soft + 1 slots already shrink to soft.
// monotone: the same limits as a curve of the tokens seen that never falls: of each token after `soft`, the
//   share that falls from keep_max at soft to keep_min at hard is kept, and keep_min of those beyond, up to
//   `target`. One token at a time or all at once give the same number.
class AdaptiveLength final : public LayerShares {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("target", target_, 8, 0x7fffffff, "slots of a head beyond the hard limit");
    visitor.integer("soft", soft_, 1, 0x7fffffff, "up to so many nothing is evicted");
    visitor.integer("hard", hard_, 2, 0x7fffffff, "between soft and this the share kept falls");
    visitor.real("keep_min", keep_min_, 0.001, 1, "share kept at the hard limit");
    visitor.real("keep_max", keep_max_, 0.001, 1, "share kept at the soft limit");
    visitor.choice("form", form_, {"published", "monotone"},
                   "published: of the slots held, falls in between and jumps at the hard limit; monotone: of "
                   "the tokens seen, never falls");
  }

  std::string problem() const override {
    if (soft_ >= hard_) {
      return fmt::format("soft: expected less than hard {}, got {}; lower it", hard_, soft_);
    }
    if (keep_min_ > keep_max_) {
      return fmt::format("keep_min: expected at most keep_max {}, got {}; lower it", keep_max_, keep_min_);
    }
    if (form_ == "monotone" && target_ < soft_) {
      return fmt::format("target: expected at least soft {} in the monotone form, got {}; raise it", soft_,
                         target_);
    }
    return {};
  }

  std::vector<double> weights(const LayerShareInput& input) const override {
    return std::vector<double>(input.layers, 1.0);
  }

  bool has_limits() const override { return true; }
  bool limits_held() const override { return form_ == "published"; }

  std::optional<HeadLimit> limit(int /*layer*/, int /*layers*/, int64_t held) const override {
    if (held <= soft_) return std::nullopt;
    if (form_ == "monotone") {
      const int64_t slots = curve(held);
      return slots < held ? std::optional(region({slots, 0, 0})) : std::nullopt;
    }
    if (held > hard_) {
      return held <= target_ ? std::nullopt : std::optional(HeadLimit{target_, 4, target_ / 2});
    }
    const double along = static_cast<double>(held - soft_) / static_cast<double>(hard_ - soft_);
    const double share = keep_max_ - along * (keep_max_ - keep_min_);
    const int64_t slots = std::max(static_cast<int64_t>(static_cast<double>(held) * share), soft_);
    if (slots >= held) return std::nullopt;
    return HeadLimit{slots, 0, static_cast<int64_t>(0.2 * static_cast<double>(slots))};
  }

  HeadLimit region(HeadLimit limit) const override {
    return widened_region(limit, std::min<int64_t>(4, limit.slots / 8), limit.slots / 2);
  }

 private:
  // The integral of the share kept of each token: a parabola up to hard, then a straight line, up to target.
  int64_t curve(int64_t seen) const {
    const auto width = static_cast<double>(hard_ - soft_);
    const double inside = static_cast<double>(std::min(seen, hard_) - soft_);
    const double beyond = static_cast<double>(std::max<int64_t>(seen - hard_, 0));
    const double kept = inside * keep_max_ - inside * inside / (2 * width) * (keep_max_ - keep_min_);
    const double slots = static_cast<double>(soft_) + kept + beyond * keep_min_;
    return std::min(target_, static_cast<int64_t>(slots));
  }

  int64_t target_ = 512, soft_ = 256, hard_ = 1024;
  double keep_min_ = 0.3, keep_max_ = 0.9;
  std::string form_ = "published";
};

}  // namespace

KVC_ANSWER(layers, adaptive_length, AdaptiveLength,
           "every layer the same, a share that falls with the length between two limits; without an amount "
           "this is the budget",
           "github.com/od-liu/CS3602-LLM-Inference-Acceleration, adaptive_l2; the monotone form is ours")

}  // namespace kvcompress
