// Kind `query_statistics`: mean and covariance of the queries before RoPE, by layer and query head.
#include <algorithm>  // std::transform

#include "eval/calibrate/calibrators.h"

namespace kvcompress {
namespace {

void add(const QueryMoments& from, QueryMoments& to) {
  to.count += from.count;
  to.sum.resize(from.sum.size());
  to.products.resize(from.products.size());
  std::transform(from.sum.begin(), from.sum.end(), to.sum.begin(), to.sum.begin(), std::plus<>());
  std::transform(from.products.begin(), from.products.end(), to.products.begin(), to.products.begin(),
                 std::plus<>());
}

class QueryStatisticsCalibrator final : public Calibrator {
 public:
  std::string_view kind() const override { return "query_statistics"; }
  std::string_view summary() const override {
    return "mean and covariance of the queries, for score: expected_attention";
  }
  int64_t default_window() const override { return 1024; }
  int64_t default_windows() const override { return 8; }

  void visit(ParameterVisitor& visitor) override {
    visitor.boolean("covariance", covariance_,
                    "false: the mean alone, in a profile of some KB, for score.covariance=false");
    visitor.integer("sinks", sinks_, 0, 4096, "first tokens of a text left out");
  }

  void measure(Engine& engine, const CalibrationData& data, const OnTokens& on_tokens,
               Calibration& out) const override {
    const ModelConfig& config = engine.config();
    std::vector<QueryMoments> moments(static_cast<size_t>(config.layers) * config.query_heads);
    const auto total = static_cast<int64_t>(data.windows.size()) * data.window;
    int64_t done = 0;
    for (const std::vector<int32_t>& window : data.windows) {
      const auto sequence = engine.open(Recipe());
      const ScoreNeeds needs{.query_moments = true, .query_skip = static_cast<int>(sinks_)};
      sequence->observed = Observations(needs, /*window=*/0, config);
      engine.read(*sequence, window, /*last=*/true);
      for (size_t i = 0; i < moments.size(); ++i) {
        if (sequence->observed.moments[i].count > 0) add(sequence->observed.moments[i], moments[i]);
      }
      done += data.window;
      if (on_tokens) on_tokens(done, total);
    }
    write(moments, config, out);
  }

 private:
  // Layers with a sliding window, which nobody asks about, stay 0.
  void write(const std::vector<QueryMoments>& moments, const ModelConfig& config, Calibration& out) const {
    const auto width = static_cast<size_t>(config.head_dim);
    std::vector<float> means(moments.size() * width);
    std::vector<float> covariances(covariance_ ? means.size() * width : 0);
    for (size_t i = 0; i < moments.size(); ++i) {
      if (moments[i].count == 0) continue;
      moments[i].mean({means.data() + i * width, width});
      if (covariance_) moments[i].covariance({covariances.data() + i * width * width, width * width});
    }
    const int64_t layers = config.layers, heads = config.query_heads, channels = config.head_dim;
    out.arrays["mean"] = {{layers, heads, channels}, std::move(means)};
    if (covariance_) out.arrays["covariance"] = {{layers, heads, channels, channels}, std::move(covariances)};
  }

  bool covariance_ = true;
  int64_t sinks_ = 4;
};

}  // namespace

std::unique_ptr<Calibrator> make_query_statistics_calibrator() {
  return std::make_unique<QueryStatisticsCalibrator>();
}

}  // namespace kvcompress
