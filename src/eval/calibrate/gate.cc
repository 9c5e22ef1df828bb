// Kind `gate` (after KVzap, arXiv:2601.07891, section 3, its linear form): for every layer and KV head a
// linear map from the layer's input at unit root mean square to the logarithm of what a replay finds a token
// worth.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError, UsageError

#include <algorithm>  // std::max
#include <cmath>      // std::log

#include "engine/parallel_checked.h"  // parallel_checked
#include "eval/calibrate/calibrators.h"
#include "eval/calibrate/gate_fit.h"       // GateFit
#include "eval/calibrate/gate_held_out.h"  // HeldOut, judge
#include "eval/calibrate/made_up.h"        // made_up_records

namespace kvcompress {
namespace {

constexpr int64_t kSinks = 4;  // always kept, with inputs like no others
constexpr float kFloor = 1e-6F;

// One window read and replayed, without its first tokens.
struct Replayed {
  std::vector<std::vector<float>> inputs;   // [layers] of [tokens][hidden]
  std::vector<std::vector<float>> targets;  // [layers] of [tokens][kv_heads]
};

class GateCalibrator final : public Calibrator {
 public:
  std::string_view kind() const override { return "gate"; }
  std::string_view summary() const override {
    return "a linear map from inputs to replay scores, for score: gate";
  }
  int64_t default_window() const override { return 1536; }
  int64_t default_windows() const override { return 8; }
  std::string made_up() const override {
    return records_ > 0 ? fmt::format("{} % of the windows are made-up records", std::lround(100 * records_))
                        : "";
  }

  void visit(ParameterVisitor& visitor) override {
    visitor.boolean("normalised", normalised_, "the replay's scores are those of KVzip+");
    visitor.real("records", records_, 0, 0.9, "share of the windows that are made-up lists and records");
    visitor.real("held_out", held_out_, 0.05, 0.5, "share of the windows that the ridge is chosen on");
    visitor.reals("ridges", ridges_, 1e-8, 1e4,
                  "penalties to choose from, in units of the inputs' variances");
  }

  void measure(Engine& engine, const CalibrationData& data, const OnTokens& on_tokens,
               Calibration& out) const override {
    const std::vector<std::vector<int32_t>> windows = ordered_windows(engine, data);
    const size_t held = held_windows(data, windows.size());
    const ModelConfig& config = engine.config();
    std::vector<GateFit> fits(static_cast<size_t>(config.layers), GateFit(config.hidden, config.kv_heads));
    HeldOut judged(config, ridges_.size());
    std::vector<std::vector<LinearMap>> maps(fits.size());
    const auto total = static_cast<int64_t>(windows.size()) * data.window;
    for (size_t i = 0; i < windows.size(); ++i) {
      const bool fitting = i < windows.size() - held;
      if (i == windows.size() - held) maps = solve_all(engine, fits);
      const Replayed replayed = replay(engine, windows[i]);
      parallel_checked(engine.threads(), config.layers, [&](int64_t layer) {
        if (config.sliding_window[layer] > 0) return;
        const std::vector<float>&inputs = replayed.inputs[layer], &targets = replayed.targets[layer];
        if (!fitting) judged.add(static_cast<int>(layer), inputs, targets, maps[layer]);
        fits[layer].add(inputs, targets);  // those held out as well, once they have judged
      });
      if (on_tokens) on_tokens(static_cast<int64_t>(i + 1) * data.window, total);
    }
    write(engine, fits, judged.choose(), out);
    for (const auto& [name, value] : judged.figures(ridges_)) out.settings[name] = value;
    out.settings["tokens"] = std::to_string(total);
    out.settings["windows_held_out"] = std::to_string(held);
  }

 private:
  size_t held_windows(const CalibrationData& data, size_t windows) const {
    if (data.window < 2 * kSinks) {
      throw UsageError(fmt::format("[--window] expected {} tokens or more, got {}", 2 * kSinks, data.window));
    }
    const auto held = static_cast<size_t>(held_out_ * static_cast<double>(windows));
    if (windows >= 2) return std::max<size_t>(1, held);
    throw InputError(
        "[gate] expected two windows or more, one of them to choose the ridge on, got one; give more --data "
        "or "
        "lower --window");
  }

  // Texts and records in turn, so that what is held out, the end, has both.
  std::vector<std::vector<int32_t>> ordered_windows(const Engine& engine, const CalibrationData& data) const {
    const auto texts = static_cast<double>(data.windows.size());
    const auto records = static_cast<size_t>(std::lround(texts * records_ / (1 - records_)));
    std::vector<std::vector<int32_t>> windows;
    size_t made = 0;
    for (size_t i = 0; i < data.windows.size(); ++i) {
      windows.push_back(data.windows[i]);
      const size_t due = (i + 1) * records / data.windows.size();
      for (; made < due; ++made) windows.push_back(record_window(engine, data, made));
    }
    return windows;
  }

  static std::vector<int32_t> record_window(const Engine& engine, const CalibrationData& data, size_t index) {
    constexpr size_t kBytesAToken = 8;  // more than any tokenizer here makes of such lines
    const std::string text = made_up_records(data.seed + index, data.window * kBytesAToken);
    const Vocabulary& vocabulary = engine.vocabulary();
    std::vector<int32_t> tokens = vocabulary.tokenize(text, vocabulary.adds_bos(), /*parse_special=*/false);
    tokens.resize(std::min(tokens.size(), static_cast<size_t>(data.window)));
    return tokens;
  }

  Replayed replay(Engine& engine, const std::vector<int32_t>& window) const {
    const ModelConfig& config = engine.config();
    // A budget that keeps everything: only the replay is wanted.
    const Recipe recipe = resolve_recipe({.recipe = "kvzip",
                                          .overrides = {fmt::format("score.chunk={}", window.size()),
                                                        fmt::format("score.normalised={}", normalised_)},
                                          .budget = "100%"});
    const auto sequence = engine.open_shared({&recipe, 1});
    sequence->observed.inputs = std::make_shared<LayerInputs>();
    engine.read(*sequence, window, /*last=*/true);
    Replayed out;
    out.inputs = std::move(sequence->observed.inputs->rows);
    sequence->observed.inputs.reset();
    engine.compressed(*sequence, recipe);
    out.targets.resize(static_cast<size_t>(config.layers));
    for (int layer = 0; layer < config.layers; ++layer) {
      if (config.sliding_window[static_cast<size_t>(layer)] > 0) continue;
      std::vector<float>& inputs = out.inputs[static_cast<size_t>(layer)];
      inputs.erase(inputs.begin(), inputs.begin() + kSinks * config.hidden);
      for (size_t token = kSinks; token < window.size(); ++token) {
        for (int head = 0; head < config.kv_heads; ++head) {
          const size_t index = static_cast<size_t>(layer) * config.kv_heads + head;
          const float worth = sequence->observed.notes[index].replay[token];
          out.targets[static_cast<size_t>(layer)].push_back(std::log(worth + kFloor));
        }
      }
    }
    return out;
  }

  std::vector<std::vector<LinearMap>> solve_all(Engine& engine, const std::vector<GateFit>& fits) const {
    std::vector<std::vector<LinearMap>> maps(fits.size());
    parallel_checked(engine.threads(), static_cast<int64_t>(fits.size()), [&](int64_t layer) {
      if (fits[layer].count() == 0) return;
      for (const double ridge : ridges_) maps[layer].push_back(fits[layer].solve(ridge));
    });
    return maps;
  }

  // Layers with a sliding window, which nobody asks about, stay 0.
  void write(Engine& engine, const std::vector<GateFit>& fits, const std::vector<size_t>& chosen,
             Calibration& out) const {
    const ModelConfig& config = engine.config();
    const int64_t layers = config.layers, heads = config.kv_heads, hidden = config.hidden;
    std::vector<float> weights(static_cast<size_t>(layers * heads * hidden));
    std::vector<float> biases(static_cast<size_t>(layers * heads));
    parallel_checked(engine.threads(), layers, [&](int64_t layer) {
      if (fits[layer].count() == 0) return;
      const LinearMap map = fits[layer].solve(ridges_[chosen[layer]]);
      std::copy(map.weights.begin(), map.weights.end(), weights.begin() + layer * heads * hidden);
      std::copy(map.biases.begin(), map.biases.end(), biases.begin() + layer * heads);
    });
    out.arrays["weights"] = {{layers, heads, hidden}, std::move(weights)};
    out.arrays["biases"] = {{layers, heads}, std::move(biases)};
  }

  bool normalised_ = false;
  double records_ = 0.4;
  double held_out_ = 0.2;
  std::vector<double> ridges_ = {0.001, 0.01, 0.1, 1};
};

}  // namespace

std::unique_ptr<Calibrator> make_gate_calibrator() { return std::make_unique<GateCalibrator>(); }

}  // namespace kvcompress
