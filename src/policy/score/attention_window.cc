#include <fmt/format.h>
#include <kvcompress/error.h>  // Error

#include <algorithm>  // std::max, std::min, std::fill
#include <numeric>    // std::accumulate
#include <vector>     // std::vector

#include "policy/registry.h"         // KVC_ANSWER
#include "policy/score_policy.h"     // ScorePolicy
#include "policy/scoring/pooling.h"  // average_pooled, max_pooled

namespace kvcompress {
namespace {

// Ranks the slots before the window by the attention that the window's queries pay them. The window's own
// slots are not ranked (budget.recent keeps them); pooling never sees them.
class AttentionWindow final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer(
        "window", window_, 1, 4096,
        "how many of the last queries vote; their own tokens are always kept (budget.recent >= window)");
    visitor.choice("pool", pool_, {"max", "avg", "none"},
                   "how neighbouring tokens lend each other their score");
    visitor.integer("kernel", kernel_, 1, 1023, "tokens a pool covers, odd");
    visitor.boolean(
        "count_padding", count_padding_,
        "avg pool: true divides by the kernel everywhere, so the first and last tokens are diluted; "
        "false divides by the neighbours there are");
    visitor.choice("order", order_, {"pool_then_reduce", "reduce_then_pool"},
                   "pool each query head, then reduce the group, or the reverse (differs for max pools)");
    visitor.choice(
        "queries", queries_, {"mean", "sum"},
        "how the window's queries are reduced to one; a mean does not depend on the window's length");
    visitor.boolean("normalise", normalise_,
                    "scale each query head to the same sum over the ranked tokens, so that heads that look "
                    "near have as much say as those that look far");
    visitor.choice("group", group_, {"mean", "sum", "max"},
                   "how the query heads of a KV head are reduced to one");
  }

  std::string problem() const override {
    if (kernel_ % 2 == 1) return {};
    return fmt::format("kernel: expected an odd number, got {}; take {}", kernel_, kernel_ + 1);
  }

  bool keeps_window() const override { return true; }

  ScoreNeeds needs() const override { return {.attention_window = static_cast<int>(window_)}; }

  void score(const ScoreInput& input, std::span<float> out) const override {
    const int queries = std::min(input.window_queries, input.slots);
    if (queries < 1 || input.window_weights.size() != static_cast<size_t>(input.group) * input.slots) {
      throw Error(
          fmt::format("[attention_window] expected weights of {} x {} from at least 1 query, got {} from {}; "
                      "this is a defect of the caller",
                      input.group, input.slots, input.window_weights.size(), input.window_queries));
    }
    const int prefix = input.slots - queries;
    std::vector<std::vector<float>> rows(input.group);
    for (int g = 0; g < input.group; ++g) {
      const float* weights = input.window_weights.data() + static_cast<size_t>(g) * input.slots;
      rows[g].assign(weights, weights + prefix);
      if (queries_ == "mean") {
        for (float& weight : rows[g]) weight /= static_cast<float>(input.window_queries);
      }
      if (normalise_) make_sum_one(rows[g]);
      if (order_ == "pool_then_reduce") rows[g] = pooled(rows[g]);
    }
    std::vector<float> scores = reduced(rows);
    if (order_ == "reduce_then_pool") scores = pooled(scores);
    const float best = scores.empty() ? 0.0f : *std::max_element(scores.begin(), scores.end());
    std::copy(scores.begin(), scores.end(), out.begin());
    std::fill(out.begin() + prefix, out.end(), best);
  }

 private:
  std::vector<float> pooled(const std::vector<float>& row) const {
    if (pool_ == "none" || kernel_ == 1) return row;
    return pool_ == "max" ? max_pooled(row, kernel_) : average_pooled(row, kernel_, count_padding_);
  }

  // A row without any weight stays as it is.
  static void make_sum_one(std::vector<float>& row) {
    const double sum = std::accumulate(row.begin(), row.end(), 0.0);
    if (sum <= 0) return;
    for (float& weight : row) weight = static_cast<float>(weight / sum);
  }

  std::vector<float> reduced(const std::vector<std::vector<float>>& rows) const {
    std::vector<float> out = rows.front();
    const bool largest = group_ == "max";
    for (size_t g = 1; g < rows.size(); ++g) {
      for (size_t i = 0; i < out.size(); ++i) {
        out[i] = largest ? std::max(out[i], rows[g][i]) : out[i] + rows[g][i];
      }
    }
    if (group_ == "mean") {
      for (float& score : out) score /= static_cast<float>(rows.size());
    }
    return out;
  }

  int64_t window_ = 32;
  std::string pool_ = "max";
  int64_t kernel_ = 7;
  bool count_padding_ = true;
  std::string order_ = "pool_then_reduce";
  std::string queries_ = "mean";
  bool normalise_ = false;
  std::string group_ = "mean";
};

}  // namespace

KVC_ANSWER(score, attention_window, AttentionWindow, "tokens that the last queries look at are worth most",
           "arXiv:2404.14469 (SnapKV) section 4")

}  // namespace kvcompress
