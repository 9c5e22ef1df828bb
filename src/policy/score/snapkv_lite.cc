#include <fmt/format.h>

#include <algorithm>  // std::max_element, std::fill, std::copy

#include "policy/registry.h"         // KVC_ANSWER
#include "policy/score_policy.h"     // ScorePolicy
#include "policy/scoring/check.h"    // expect_count
#include "policy/scoring/pooling.h"  // average_pooled

namespace kvcompress {
namespace {

// Ranks the slots before the window by small key norms, smoothed. The window's queries have no say; its own
// slots are not ranked (budget.recent keeps them).
class SnapkvLite final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("window", window_, 0, 65536,
                    "newest tokens that are neither ranked nor pooled (budget.recent keeps them)");
    visitor.integer("kernel", kernel_, 1, 1023, "tokens the average pool covers, odd");
    visitor.boolean("count_padding", count_padding_,
                    "true divides by the kernel everywhere, which costs the first tokens most of their lead; "
                    "false divides by the neighbours there are");
  }

  std::string problem() const override {
    if (kernel_ % 2 == 1) return {};
    return fmt::format("kernel: expected an odd number, got {}; take {}", kernel_, kernel_ + 1);
  }

  ScoreNeeds needs() const override { return {.key_norms = true}; }

  bool keeps_window() const override { return window_ > 0; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    expect_count("snapkv_lite", "key norms", out.size(), input.key_norms.size());
    const size_t ranked = out.size() - std::min(out.size(), static_cast<size_t>(window_));
    const std::span<const float> norms = input.key_norms.first(ranked);
    if (ranked == 0) {
      std::fill(out.begin(), out.end(), 0.0f);
      return;
    }
    constexpr float kAboveZero = 1e-6f;
    const float largest = *std::max_element(norms.begin(), norms.end()) + kAboveZero;
    std::vector<float> scores;
    scores.reserve(ranked);
    for (const float norm : norms) scores.push_back(largest - norm);
    // Shorter than the kernel: there is nothing to smooth.
    if (scores.size() >= static_cast<size_t>(kernel_)) {
      scores = average_pooled(scores, kernel_, count_padding_);
    }
    std::copy(scores.begin(), scores.end(), out.begin());
    std::fill(out.begin() + static_cast<int64_t>(ranked), out.end(),
              *std::max_element(scores.begin(), scores.end()));
  }

 private:
  int64_t window_ = 32;
  int64_t kernel_ = 5;
  bool count_padding_ = true;
};

}  // namespace

KVC_ANSWER(score, snapkv_lite, SnapkvLite, "keys of small norm among keys of small norm are worth most",
           "snapkv_lite of the CS3602 library; pooling after arXiv:2404.14469 (SnapKV) section 4")

}  // namespace kvcompress
