// Kind `rank`: the effective rank of each layer's cached keys (policy/budget/key_rank.h), mean over texts.
#include "engine/parallel_checked.h"  // parallel_checked
#include "eval/calibrate/calibrators.h"
#include "policy/budget/key_rank.h"  // key_rank

namespace kvcompress {
namespace {

class RankCalibrator final : public Calibrator {
 public:
  std::string_view kind() const override { return "rank"; }
  std::string_view summary() const override {
    return "effective rank of each layer's keys, for layers: rank";
  }
  int64_t default_window() const override { return 512; }
  int64_t default_windows() const override { return 8; }

  void measure(Engine& engine, const CalibrationData& data, const OnTokens& on_tokens,
               Calibration& out) const override {
    const auto layers = static_cast<size_t>(engine.config().layers);
    std::vector<float> ranks(layers);
    const auto total = static_cast<int64_t>(data.windows.size()) * data.window;
    int64_t done = 0;
    for (const std::vector<int32_t>& window : data.windows) {
      const auto sequence = engine.open(Recipe());
      engine.read(*sequence, window, /*last=*/true);
      parallel_checked(engine.threads(), engine.config().layers, [&](int64_t layer) {
        const double rank = layer_rank(*sequence, static_cast<int>(layer), engine.config().head_dim);
        ranks[layer] += static_cast<float>(rank / static_cast<double>(data.windows.size()));
      });
      done += data.window;
      if (on_tokens) on_tokens(done, total);
    }
    out.arrays["rank"] = {{engine.config().layers}, std::move(ranks)};
  }

 private:
  static double layer_rank(const Sequence& sequence, int layer, int head_dim) {
    double sum = 0;
    const int heads = sequence.cache.kv_heads();
    for (int head = 0; head < heads; ++head) {
      const HeadSlots& slots = sequence.cache.head(layer, head);
      std::vector<float> keys(static_cast<size_t>(slots.length()) * head_dim);
      slots.load_all(keys.data(), nullptr);
      sum += key_rank(keys, slots.length(), head_dim);
    }
    return sum / heads;
  }
};

}  // namespace

std::unique_ptr<Calibrator> make_rank_calibrator() { return std::make_unique<RankCalibrator>(); }

}  // namespace kvcompress
