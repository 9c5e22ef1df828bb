#include <fmt/format.h>
#include <kvcompress/error.h>  // InputError

#include <algorithm>  // std::max_element, std::fill

#include "compute/isa.h"                    // active_isa
#include "compute/matrix.h"                 // softmax
#include "policy/registry.h"                // KVC_ANSWER
#include "policy/score_policy.h"            // ScorePolicy
#include "policy/scoring/check.h"           // expect_count
#include "policy/scoring/expected_query.h"  // expected_logit, mean_turn
#include "policy/scoring/statistics.h"      // leading_slots

namespace kvcompress {
namespace {

// Future queries of a head are taken for Gaussian, so the weight that a key can expect has a closed form.
// Sinks are not ranked (budget.sinks keeps them): they have the best score there is.
class ExpectedAttention final : public ScorePolicy {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.integer("future", future_, 1, 1048576, "positions to come that the expectation is over");
    visitor.integer("sinks", sinks_, 0, 4096, "first tokens left out of the statistics and of the ranking");
    visitor.boolean("covariance", covariance_,
                    "false: the queries' mean alone, for a dot product a key in place of a matrix product");
    visitor.real("epsilon", epsilon_, 0, 1,
                 "added to the weights before the value norms; 0.01 to 0.02 are better with adaptive heads");
    visitor.boolean("value_norm", value_norm_, "multiply with the norm of the value");
    visitor.choice("statistics", statistics_, {"prompt", "profile"},
                   "of the queries: the prompt's own, or measured before (kvcompress calibrate)");
  }

  ScoreNeeds needs() const override {
    ScoreNeeds needs{.keys = true, .value_norms = value_norm_};
    if (statistics_ == "prompt") {
      needs.query_moments = true;
      needs.query_skip = static_cast<int>(sinks_);
    }
    return needs;
  }

  std::string calibration_kind() const override {
    return statistics_ == "profile" ? "query_statistics" : std::string();
  }

  void score(const ScoreInput& input, std::span<float> out) const override {
    score_after(input, turn_of(input), out);
  }

  void score_layer(std::span<const ScoreInput> heads, std::span<std::vector<float>> out) const override {
    if (heads.empty()) return;
    const MeanTurn turn = turn_of(heads.front());  // the same for all heads of a layer
    for (size_t h = 0; h < heads.size(); ++h) {
      out[h].resize(static_cast<size_t>(heads[h].slots));
      score_after(heads[h], turn, out[h]);
    }
  }

 private:
  // Of all query heads of the KV head.
  struct Moments {
    std::span<const float> mean, covariance;
  };

  MeanTurn turn_of(const ScoreInput& input) const {
    return mean_turn(input.rotation, static_cast<double>(input.tokens_seen), static_cast<int>(future_));
  }

  void score_after(const ScoreInput& input, const MeanTurn& turn, std::span<float> out) const {
    const auto slots = out.size(), size = static_cast<size_t>(input.head_dim);
    expect_count("expected_attention", "numbers of keys", slots * size, input.keys.size());
    expect_count("expected_attention", "positions", slots, input.positions.size());
    if (value_norm_) expect_count("expected_attention", "value norms", slots, input.value_norms.size());
    const auto sinks = static_cast<size_t>(leading_slots(input, sinks_));
    const std::span<float> ranked = out.subspan(sinks);
    if (ranked.empty()) {
      std::fill(out.begin(), out.end(), 0.0f);
      return;
    }
    const std::vector<RowForm> forms = forms_of(input, turn);
    std::vector<float> weights(forms.size() * ranked.size());
    evaluate(forms, input.keys.subspan(sinks * size), input.head_dim, input.head_dim, weights);
    std::fill(ranked.begin(), ranked.end(), 0.0f);
    for (size_t g = 0; g < forms.size(); ++g) {
      const auto row = std::span<float>(weights).subspan(g * ranked.size(), ranked.size());
      softmax(row.data(), static_cast<int64_t>(row.size()), active_isa());
      for (size_t i = 0; i < ranked.size(); ++i) ranked[i] += row[i];
    }
    for (size_t i = 0; i < ranked.size(); ++i) {
      ranked[i] /= static_cast<float>(forms.size());
      if (value_norm_) ranked[i] = (ranked[i] + static_cast<float>(epsilon_)) * input.value_norms[sinks + i];
    }
    std::fill(out.begin(), out.begin() + static_cast<int64_t>(sinks),
              *std::max_element(ranked.begin(), ranked.end()));
  }

  std::vector<RowForm> forms_of(const ScoreInput& input, const MeanTurn& turn) const {
    const auto size = static_cast<size_t>(input.head_dim);
    const Moments moments = moments_of(input);
    std::vector<RowForm> forms;
    for (int g = 0; g < input.group; ++g) {
      const auto covariance =
          covariance_ ? moments.covariance.subspan(g * size * size, size * size) : std::span<const float>();
      forms.push_back(expected_logit(input.rotation, turn, moments.mean.subspan(g * size, size), covariance,
                                     input.attention_scale));
    }
    return forms;
  }

  Moments moments_of(const ScoreInput& input) const {
    const auto size = static_cast<size_t>(input.head_dim), group = static_cast<size_t>(input.group);
    Moments moments{input.query_mean, input.query_covariance};
    if (statistics_ == "profile") {
      moments = profile_moments(input);
    }
    expect_count("expected_attention", "numbers of query means", group * size, moments.mean.size());
    if (covariance_) {
      expect_count("expected_attention", "numbers of query covariances", group * size * size,
                   moments.covariance.size());
    }
    return moments;
  }

  // The profile's arrays say themselves how many layers and query heads the model has.
  Moments profile_moments(const ScoreInput& input) const {
    const auto first = static_cast<size_t>(input.kv_head) * input.group, group = size_t(input.group);
    const auto size = static_cast<size_t>(input.head_dim);
    if (input.calibration == nullptr) {
      throw Error("[expected_attention] expected a profile, got none; this is a defect of the caller");
    }
    const auto found = input.calibration->arrays.find("mean");
    const std::vector<int64_t> shape =
        found == input.calibration->arrays.end() ? std::vector<int64_t>() : found->second.shape;
    if (shape.size() != 3 || shape[0] <= input.layer || shape[1] < static_cast<int64_t>(first + group)) {
      throw InputError(fmt::format(
          "[profile {}] expected an array 'mean' of layers x query heads x channels that has layer {} and "
          "query head {}; make it again with kvcompress calibrate",
          input.calibration->kind, input.layer, first + group - 1));
    }
    const auto channels = static_cast<int64_t>(size);
    const size_t head = static_cast<size_t>(input.layer * shape[1]) + first;
    Moments moments;
    moments.mean = std::span(input.calibration->array("mean", {shape[0], shape[1], channels}))
                       .subspan(head * size, group * size);
    if (covariance_) {
      moments.covariance =
          std::span(input.calibration->array("covariance", {shape[0], shape[1], channels, channels}))
              .subspan(head * size * size, group * size * size);
    }
    return moments;
  }

  int64_t future_ = 512;
  int64_t sinks_ = 4;
  bool covariance_ = true;
  double epsilon_ = 0;
  bool value_norm_ = true;
  std::string statistics_ = "prompt";
};

}  // namespace

KVC_ANSWER(score, expected_attention, ExpectedAttention,
           "tokens that future queries are expected to look at are worth most",
           "arXiv:2510.00636 (ExpectedAttention) section 3; ExpectedAttentionPress in kvpress")

}  // namespace kvcompress
