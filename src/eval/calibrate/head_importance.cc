// Kind `head_importance` (HeadKV, arXiv:2410.19258, section 3): of every query head, how often it points at
// the token that is copied next out of a needle (R), and how much it looks at the right answer of a question
// that takes a step of reasoning (R2).
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError

#include <algorithm>  // std::max_element, std::partial_sort
#include <numeric>    // std::accumulate, std::iota

#include "eval/calibrate/calibrators.h"
#include "eval/calibrate/made_up.h"  // made_up_name, made_up_noun
#include "eval/calibrate/needles.h"  // run_needle

namespace kvcompress {
namespace {

Needle copied_needle(uint64_t seed) {
  Random random(seed, /*stream=*/1);
  const std::string who = made_up_name(random), where = made_up_noun(random);
  const std::string fact = fmt::format("{}'s favourite thing to do near the {} is to", who, where);
  Needle needle;
  needle.before = "\n" + fact;
  needle.answer = fmt::format(" paint the {} {} beside the {} {}", made_up_adjective(random),
                              made_up_noun(random), made_up_adjective(random), made_up_noun(random));
  needle.after = ".\n";
  needle.question = fmt::format("\nQuestion: What is {}'s favourite thing to do near the {}?\nAnswer: {}",
                                who, where, fact);
  return needle;
}

// Two people, of whom another fact tells the one that is asked for.
Needle reasoned_needle(uint64_t seed) {
  Random random(seed, /*stream=*/2);
  const auto other = [](auto make, const std::string& than, Random& from) {
    std::string made = make(from);
    while (made == than) made = make(from);
    return made;
  };
  const std::string who = made_up_name(random), decoy = other(made_up_name, who, random);
  const std::string hat = made_up_adjective(random), decoy_hat = other(made_up_adjective, hat, random);
  const std::string place = made_up_noun(random), decoy_place = other(made_up_noun, place, random);
  const std::string thing = made_up_noun(random), kind = made_up_adjective(random);
  Needle needle;
  const std::string wrong_fact =
      fmt::format("{} hides the {} behind the {} {}", decoy, thing, kind, decoy_place);
  needle.before = fmt::format("\n{} wears a {} hat. {} wears a {} hat. ", who, hat, decoy, decoy_hat);
  const bool decoy_first = random.below(2) == 1;
  if (decoy_first) needle.before += wrong_fact + ". ";
  needle.before += fmt::format("{} hides the {} behind the", who, thing);
  needle.answer = fmt::format(" {} {}", kind, place);
  needle.wrong = fmt::format(" {} {}", kind, decoy_place);
  needle.after = decoy_first ? ".\n" : ". " + wrong_fact + ".\n";
  needle.question = fmt::format(
      "\nQuestion: Where does the person with the {0} hat hide the {1}?\nAnswer: The person with the {0} hat "
      "hides "
      "the {1} behind the",
      hat, thing);
  return needle;
}

// 1 / |span| for each answer token that the head's most attended position holds, inside the span.
double copying(const HeadWeights& head, const NeedlePrompt& prompt) {
  double score = 0;
  for (size_t i = 0; i < head.weights.size(); ++i) {
    const std::span<const float> row = head.weights[i];
    const int32_t at = (*head.positions)[std::max_element(row.begin(), row.end()) - row.begin()];
    if (at < prompt.span_first || at >= prompt.span_last()) continue;
    if (prompt.answer[static_cast<size_t>(at - prompt.span_first)] == prompt.answer[i]) score += 1;
  }
  return score / static_cast<double>(prompt.answer.size());
}

// Weights over |span| of those of the head's |span| most attended positions that are inside it, token by
// token.
double reasoning(const HeadWeights& head, const NeedlePrompt& prompt) {
  double score = 0;
  for (const std::span<const float> row : head.weights) {
    std::vector<size_t> order(row.size());
    std::iota(order.begin(), order.end(), size_t{0});
    const auto most = static_cast<int64_t>(std::min(prompt.answer.size(), row.size()));
    std::partial_sort(order.begin(), order.begin() + most, order.end(),
                      [&](size_t a, size_t b) { return row[a] != row[b] ? row[a] > row[b] : a < b; });
    for (int64_t i = 0; i < most; ++i) {
      const int32_t at = (*head.positions)[order[i]];
      if (at >= prompt.span_first && at < prompt.span_last()) score += row[order[i]];
    }
  }
  return score / static_cast<double>(prompt.answer.size());
}

class HeadImportanceCalibrator final : public Calibrator {
 public:
  std::string_view kind() const override { return "head_importance"; }
  std::string_view summary() const override {
    return "how far query heads find, copy and reason with a needle, for heads: importance";
  }
  int64_t default_window() const override { return 1024; }
  int64_t default_windows() const override { return 8; }
  std::string made_up() const override { return "made-up facts hidden in it"; }

  void visit(ParameterVisitor& visitor) override {
    visitor.integer("needles", needles_, 1, 1000, "facts of each of the two kinds");
    visitor.integer("depths", depths_, 1, 100, "places from the text's start to its end");
    visitor.real("accept", accept_, 0, 1,
                 "of a copied answer's tokens, how many must be the model's own choice for the run to count");
  }

  void measure(Engine& engine, const CalibrationData& data, const OnTokens& on_tokens,
               Calibration& out) const override {
    const std::vector<NeedlePlace> grid = needle_grid(data.window, depths_, needles_);
    int64_t total = 0, done = 0;
    for (const NeedlePlace& place : grid) total += 2 * place.length;
    const auto progress = [&](int64_t tokens) {
      done += tokens;
      if (on_tokens) on_tokens(done, total);
    };
    std::vector<double> retrieval = table(engine, data, grid, false, progress, out);
    std::vector<double> reason = table(engine, data, grid, true, progress, out);
    const std::vector<int64_t> shape{engine.config().layers, engine.config().query_heads};
    std::vector<float> importance;
    const double retrieval_sum = std::accumulate(retrieval.begin(), retrieval.end(), 0.0);
    const double reason_sum = std::accumulate(reason.begin(), reason.end(), 0.0);
    for (size_t i = 0; i < retrieval.size(); ++i) {
      const double both = (retrieval_sum > 0 ? retrieval[i] / retrieval_sum : 0) +
                          (reason_sum > 0 ? reason[i] / reason_sum : 0);
      importance.push_back(static_cast<float>(both / 2));
    }
    out.arrays["retrieval"] = {shape, {retrieval.begin(), retrieval.end()}};
    out.arrays["reason"] = {shape, {reason.begin(), reason.end()}};
    out.arrays["importance"] = {shape, std::move(importance)};
  }

 private:
  // [layers][query_heads]: mean over the runs that count.
  template <typename Progress>
  std::vector<double> table(Engine& engine, const CalibrationData& data, const std::vector<NeedlePlace>& grid,
                            bool reasoned, const Progress& progress, Calibration& out) const {
    const ModelConfig& config = engine.config();
    std::vector<double> scores(static_cast<size_t>(config.layers) * config.query_heads);
    int64_t counted = 0;
    const auto accept = [&](const NeedleRun& run) {
      const bool accepted = accept_ == 0 || (reasoned ? run.preference > 0 : run.copied >= accept_);
      counted += accepted ? 1 : 0;
      return accepted;
    };
    for (size_t i = 0; i < grid.size(); ++i) {
      const uint64_t seed = data.seed * 7919 + static_cast<uint64_t>(grid[i].needle);
      const NeedlePrompt prompt =
          hide_needle(engine.vocabulary(), data.windows[i % data.windows.size()],
                      reasoned ? reasoned_needle(seed) : copied_needle(seed), grid[i].length, grid[i].depth);
      run_needle(engine, prompt, accept, [&](const HeadWeights& head) {
        scores[static_cast<size_t>(head.layer) * config.query_heads + head.query_head] +=
            reasoned ? reasoning(head, prompt) : copying(head, prompt);
      });
      progress(grid[i].length);
    }
    const char* name = reasoned ? "reason" : "retrieval";
    out.settings[fmt::format("{}_runs", name)] = fmt::format("{} of {} counted", counted, grid.size());
    const bool any = std::any_of(scores.begin(), scores.end(), [](double score) { return score > 0; });
    if (counted == 0 || !any) {
      throw InputError(
          fmt::format("[head_importance] expected a model that finds some of {} {} needles, got one that "
                      "finds none; try a "
                      "smaller --window, or count all runs with --set accept=0",
                      grid.size(), name));
    }
    for (double& score : scores) score /= static_cast<double>(counted);
    return scores;
  }

  int64_t needles_ = 3;
  int64_t depths_ = 4;
  double accept_ = 0.5;
};

}  // namespace

std::unique_ptr<Calibrator> make_head_importance_calibrator() {
  return std::make_unique<HeadImportanceCalibrator>();
}

}  // namespace kvcompress
