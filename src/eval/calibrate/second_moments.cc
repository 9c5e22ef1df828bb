// Kind `second_moments`: what low-rank forms of a cache are fitted to.
#include "policy/projections/second_moments.h"  // kSecondMoments, moment_around, attention_outputs

#include <algorithm>   // std::min
#include <functional>  // std::plus

#include "eval/calibrate/calibrators.h"

namespace kvcompress {
namespace {

// Sums over windows, of one KV head.
struct HeadSums {
  std::vector<double> key_mean, key, value_mean, value, query, output;

  void add(const ProjectionInput& input) {
    const Moments keys = moments_of(input.keys, input.head_dim),
                  values = moments_of(input.values, input.head_dim);
    const std::vector<double> origin(static_cast<size_t>(input.head_dim));
    sum(keys.mean, key_mean);
    sum(moment_around(input.keys, origin), key);
    sum(values.mean, value_mean);
    sum(moment_around(input.values, origin), value);
    sum(moment_around(input.queries, origin), query);
    sum(moment_around(attention_outputs(input), values.mean), output);
  }

  static void sum(const std::vector<double>& from, std::vector<double>& to) {
    to.resize(from.size());
    std::transform(from.begin(), from.end(), to.begin(), to.begin(), std::plus<>());
  }
};

// Appends a mean over `windows` windows.
void write(const std::vector<double>& sums, double windows, std::vector<float>& out) {
  for (const double x : sums) out.push_back(static_cast<float>(x / windows));
}

// The same of a moment, less the mean's own.
void write_covariance(const std::vector<double>& moment, const std::vector<double>& mean, double windows,
                      std::vector<float>& out) {
  for (size_t i = 0; i < mean.size(); ++i) {
    for (size_t j = 0; j < mean.size(); ++j) {
      out.push_back(static_cast<float>(moment[i * mean.size() + j] / windows -
                                       mean[i] / windows * (mean[j] / windows)));
    }
  }
}

class SecondMomentsCalibrator final : public Calibrator {
 public:
  std::string_view kind() const override { return kSecondMoments; }
  std::string_view summary() const override {
    return "moments of keys, values, queries and outputs, for store: lora, distillation";
  }
  int64_t default_window() const override { return 1024; }
  int64_t default_windows() const override { return 16; }

  void visit(ParameterVisitor& visitor) override {
    visitor.integer("sinks", sinks_, 0, 4096, "first tokens of a text left out");
    visitor.integer("queries", queries_, 1, 65536, "last queries of a window that are taken");
  }

  void measure(Engine& engine, const CalibrationData& data, const OnTokens& on_tokens,
               Calibration& out) const override {
    const ModelConfig& config = engine.config();
    std::vector<HeadSums> heads(static_cast<size_t>(config.layers) * config.kv_heads);
    const auto total = static_cast<int64_t>(data.windows.size()) * data.window;
    int64_t done = 0;
    for (const std::vector<int32_t>& window : data.windows) {
      const auto sequence = engine.open(Recipe());
      sequence->observed = Observations({}, static_cast<int>(std::min(queries_, data.window)), config);
      engine.read(*sequence, window, /*last=*/true);
      engine.threads().parallel_for(static_cast<int64_t>(heads.size()), [&](int64_t index, int) {
        add(config, *sequence, static_cast<int>(index), heads[static_cast<size_t>(index)]);
      });
      done += data.window;
      if (on_tokens) on_tokens(done, total);
    }
    write_all(engine, heads, static_cast<double>(data.windows.size()), out);
  }

 private:
  void add(const ModelConfig& config, const Sequence& sequence, int index, HeadSums& sums) const {
    const int layer = index / config.kv_heads, head = index % config.kv_heads;
    const HeadSlots& slots = sequence.cache.head(layer, head);
    std::vector<float> keys(static_cast<size_t>(slots.length()) * config.head_dim), values(keys.size());
    slots.load_all(keys.data(), values.data());
    // A window that slides has dropped the first tokens already.
    const bool slides = slots.length() < sequence.cache.next_position;
    const int64_t skipped = slides ? 0 : std::min<int64_t>(sinks_, slots.length() - 1);
    const auto first = static_cast<size_t>(skipped * config.head_dim);
    const QueryWindow& window = sequence.observed.window;
    ProjectionInput input;
    input.head_dim = config.head_dim;
    input.attention_scale = config.attention_scale;
    input.keys = std::span(keys).subspan(first);
    input.values = std::span(values).subspan(first);
    input.queries = {window.queries(layer, head, window.filled()),
                     static_cast<size_t>(window.filled() * window.query_stride())};
    sums.add(input);
  }

  static void write_all(const Engine& engine, const std::vector<HeadSums>& heads, double windows,
                        Calibration& out) {
    const ModelConfig& config = engine.config();
    const int64_t layers = config.layers, kv_heads = config.kv_heads, width = config.head_dim;
    const std::vector<int64_t> row = {layers, kv_heads, width}, matrix = {layers, kv_heads, width, width};
    for (const char* name : {"key_mean", "value_mean"}) out.arrays[name].shape = row;
    for (const char* name : {"key", "value", "query", "output", "metric"}) out.arrays[name].shape = matrix;
    for (size_t index = 0; index < heads.size(); ++index) {
      const HeadSums& sums = heads[index];
      write(sums.key_mean, windows, out.arrays["key_mean"].values);
      write(sums.value_mean, windows, out.arrays["value_mean"].values);
      write_covariance(sums.key, sums.key_mean, windows, out.arrays["key"].values);
      write_covariance(sums.value, sums.value_mean, windows, out.arrays["value"].values);
      write(sums.query, windows, out.arrays["query"].values);
      write(sums.output, windows, out.arrays["output"].values);
      const std::vector<float> metric = engine.output_metric(static_cast<int>(index) / config.kv_heads,
                                                             static_cast<int>(index) % config.kv_heads);
      std::vector<float>& all = out.arrays["metric"].values;
      all.insert(all.end(), metric.begin(), metric.end());
    }
  }

  int64_t sinks_ = 4, queries_ = 256;
};

}  // namespace

std::unique_ptr<Calibrator> make_second_moments_calibrator() {
  return std::make_unique<SecondMomentsCalibrator>();
}

}  // namespace kvcompress
