// Kind `duo`: retrieval scores of KV heads for DuoAttention's two classes (arXiv:2410.10819), without
// training: how much the queries of an answer look at a passkey that is neither among the first nor the
// newest tokens.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError

#include <algorithm>  // std::none_of

#include "eval/calibrate/calibrators.h"
#include "eval/calibrate/made_up.h"  // made_up_number
#include "eval/calibrate/needles.h"  // run_needle

namespace kvcompress {
namespace {

Needle passkey(uint64_t seed) {
  Random random(seed, /*stream=*/3);
  const std::string fact =
      fmt::format("The pass key of the {} {} is", made_up_adjective(random), made_up_noun(random));
  Needle needle;
  needle.before = "\n" + fact;
  needle.answer = " " + made_up_number(random, 6);
  needle.after = ". Remember it.\n";
  needle.question = "\nWhat is the pass key? " + fact;
  return needle;
}

class DuoCalibrator final : public Calibrator {
 public:
  std::string_view kind() const override { return "duo"; }
  std::string_view summary() const override {
    return "how far KV heads look back at a passkey, for heads: duo";
  }
  int64_t default_window() const override { return 1024; }
  int64_t default_windows() const override { return 8; }
  std::string made_up() const override { return "made-up passkeys hidden in it"; }

  void visit(ParameterVisitor& visitor) override {
    visitor.integer("passkeys", passkeys_, 1, 1000, "different ones");
    visitor.integer("depths", depths_, 1, 100, "places from the text's start to its end");
    visitor.integer("sinks", sinks_, 0, 4096, "first tokens, which streaming heads keep: they do not count");
    visitor.integer("recent", recent_, 0, 65536,
                    "newest tokens, which streaming heads keep: they do not count");
  }

  void measure(Engine& engine, const CalibrationData& data, const OnTokens& on_tokens,
               Calibration& out) const override {
    const ModelConfig& config = engine.config();
    const int group = config.query_heads / config.kv_heads;
    const std::vector<NeedlePlace> grid = needle_grid(data.window, depths_, passkeys_);
    // Query heads apart, since the heads of a group are looked at in turn but those of others at the same
    // time.
    std::vector<double> scores(static_cast<size_t>(config.layers) * config.query_heads);
    int64_t total = 0, done = 0;
    for (const NeedlePlace& place : grid) total += place.length;
    double copied = 0;
    for (size_t i = 0; i < grid.size(); ++i) {
      const uint64_t seed = data.seed * 7919 + static_cast<uint64_t>(grid[i].needle);
      const NeedlePrompt prompt = hide_needle(engine.vocabulary(), data.windows[i % data.windows.size()],
                                              passkey(seed), grid[i].length, grid[i].depth);
      const NeedleRun run = run_needle(
          engine, prompt, [](const NeedleRun&) { return true; },
          [&](const HeadWeights& head) {
            scores[static_cast<size_t>(head.layer) * config.query_heads + head.query_head] +=
                attention_on(head, prompt) / static_cast<double>(grid.size());
          });
      copied += run.copied / static_cast<double>(grid.size());
      done += grid[i].length;
      if (on_tokens) on_tokens(done, total);
    }
    if (std::none_of(scores.begin(), scores.end(), [](double score) { return score > 0; })) {
      throw InputError(
          "[duo] expected passkeys between the sinks and the recent tokens, got none there; give a larger "
          "--window, or smaller sinks and recent");
    }
    std::vector<float> retrieval(scores.size() / static_cast<size_t>(group));
    for (size_t i = 0; i < scores.size(); ++i) {
      retrieval[i / static_cast<size_t>(group)] += static_cast<float>(scores[i] / group);
    }
    out.arrays["retrieval"] = {{config.layers, config.kv_heads}, std::move(retrieval)};
    out.settings["runs"] = std::to_string(grid.size());
    out.settings["copied"] = fmt::format("{:.2f} of the passkeys' tokens are the model's own choice", copied);
  }

 private:
  // Mean over the answer's queries of what a streaming head could not see of the passkey.
  double attention_on(const HeadWeights& head, const NeedlePrompt& prompt) const {
    double mass = 0;
    for (const std::span<const float> row : head.weights) {
      const int64_t recent_from = (*head.positions)[row.size() - 1] + 1 - recent_;
      for (size_t i = 0; i < row.size(); ++i) {
        const int32_t at = (*head.positions)[i];
        const bool streamed = at < sinks_ || at >= recent_from;
        if (!streamed && at >= prompt.span_first && at < prompt.span_last()) mass += row[i];
      }
    }
    return mass / static_cast<double>(head.weights.size());
  }

  int64_t passkeys_ = 3;
  int64_t depths_ = 4;
  int64_t sinks_ = 4;
  int64_t recent_ = 64;
};

}  // namespace

std::unique_ptr<Calibrator> make_duo_calibrator() { return std::make_unique<DuoCalibrator>(); }

}  // namespace kvcompress
