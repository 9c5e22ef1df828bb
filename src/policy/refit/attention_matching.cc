#include <fmt/format.h>
#include <kvcompress/error.h>  // Error

#include <algorithm>  // std::clamp, std::min
#include <cmath>      // std::exp, std::log

#include "policy/refit_policy.h"            // RefitPolicy
#include "policy/registry.h"                // KVC_ANSWER
#include "policy/scoring/reference_rows.h"  // reference_rows
#include "policy/scoring/ridge.h"           // ridge_correction

namespace kvcompress {
namespace {

// Fits the kept tokens to reference queries. First the mass: factors b of the kept weights, so that their sum
// is that of all weights again; log b is a bias on the logits. Then, with these weights, the values: so that
// the output is that of all tokens. There are fewer queries than tokens, so both are the smallest change from
// what was read that does it, softened by the ridge.
class AttentionMatching final : public RefitPolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("queries", queries_, 1, 4096,
                    "newest tokens of the prompt whose queries the kept tokens are fitted to");
    visitor.boolean("values", values_, "refit the values too, not the biases alone");
    visitor.real("ridge", ridge_, 1e-6, 1e3,
                 "what a change costs, relative to the mean weight of a query: larger changes less");
    visitor.real("most", most_, 0.01, 10, "largest bias, and the negative of the smallest");
  }

  int queries() const override { return static_cast<int>(queries_); }

  Refitted refit(const RefitInput& input) const override {
    check(input);
    ReferenceRows rows = reference_rows(input);
    Refitted out;
    out.bias = factors(rows, input.kept.size());
    for (float& bias : out.bias) bias = std::log(bias);
    if (values_) out.values = refitted_values(input, rows, out.bias);
    return out;
  }

 private:
  // How often factors at a bound are set aside and the others solved for again.
  static constexpr int kRounds = 4;

  // b: each query's weights add up to 1 over all tokens, and are to do so over the kept ones times b.
  std::vector<float> factors(const ReferenceRows& rows, size_t kept) const {
    const auto least = static_cast<float>(std::exp(-most_)), most = static_cast<float>(std::exp(most_));
    std::vector<float> factors(kept, 1), free = rows.weights;
    std::vector<uint8_t> bound(kept);
    for (int round = 0; round < kRounds; ++round) {
      std::vector<float> missing(static_cast<size_t>(rows.count), 1);
      for (size_t row = 0; row < missing.size(); ++row) {
        for (size_t j = 0; j < kept; ++j) missing[row] -= rows.weights[row * kept + j] * factors[j];
      }
      const std::vector<float> change =
          ridge_correction(free, rows.count, static_cast<int>(kept), missing, 1, ridge_);
      bool more = false;
      std::vector<float> solved = factors;
      for (size_t j = 0; j < kept; ++j) {
        if (bound[j] != 0) continue;
        solved[j] = std::clamp(1 + change[j], least, most);
        if (solved[j] == 1 + change[j]) continue;
        bound[j] = 1;
        factors[j] = solved[j];
        for (size_t row = 0; row < missing.size(); ++row) free[row * kept + j] = 0;
        more = true;
      }
      if (!more || round + 1 == kRounds) return solved;
    }
    return factors;
  }

  static void check(const RefitInput& input) {
    const auto slots = static_cast<size_t>(input.slots), width = static_cast<size_t>(input.head_dim);
    const bool right = input.positions.size() == slots && input.keys.size() == slots * width &&
                       input.values.size() == slots * width && !input.query_positions.empty() &&
                       input.queries.size() == input.query_positions.size() * input.group * width &&
                       !input.kept.empty() && input.kept.back() < input.slots;
    if (right) return;
    throw Error(
        fmt::format("[attention_matching] expected keys and values of {} slots, queries and kept slots, got "
                    "other sizes; this is a defect of the caller",
                    input.slots));
  }

  std::vector<float> refitted_values(const RefitInput& input, ReferenceRows& rows,
                                     std::span<const float> bias) const {
    const size_t kept = input.kept.size(), width = static_cast<size_t>(input.head_dim);
    std::vector<float> values(kept * width);
    for (size_t j = 0; j < kept; ++j) {
      const auto from = input.values.subspan(static_cast<size_t>(input.kept[j]) * width, width);
      std::copy(from.begin(), from.end(), values.begin() + static_cast<std::ptrdiff_t>(j * width));
    }
    bias_weights(rows, bias);
    std::vector<float> missing = missing_output(rows, values, input.head_dim);
    const std::vector<float> change =
        ridge_correction(rows.weights, rows.count, static_cast<int>(kept), missing, input.head_dim, ridge_);
    for (size_t i = 0; i < values.size(); ++i) values[i] += change[i];
    return values;
  }

  int64_t queries_ = 64;
  bool values_ = true;
  double ridge_ = 0.1;
  double most_ = 3;
};

}  // namespace

KVC_ANSWER(refit, attention_matching, AttentionMatching,
           "biases and values so that the last queries see what they saw before",
           "arXiv:2602.16284 (Attention Matching), steps 2 and 3")

}  // namespace kvcompress
