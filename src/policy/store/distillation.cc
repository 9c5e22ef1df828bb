#include "policy/projections/low_rank.h"         // low_rank, moments_of
#include "policy/projections/projected_store.h"  // ProjectedStore
#include "policy/projections/second_moments.h"   // calibrated_moments
#include "policy/registry.h"                     // KVC_ANSWER

namespace kvcompress {
namespace {

// Beside few outputs of attention, the values themselves: they span what later queries may look at.
constexpr double kValueShare = 1;
// Beside few queries, all directions alike.
constexpr double kPlainShare = 0.1;

std::vector<double> identity(int width) {
  std::vector<double> out(static_cast<size_t>(width) * width);
  for (int i = 0; i < width; ++i) out[static_cast<size_t>(i) * width + i] = 1;
  return out;
}

// The student is a linear map of each head whose logits and outputs are the teacher's as nearly as a rank
// allows, which has a closed form.
class DistillationStore final : public ProjectedStore {
 public:
  void visit(ParameterVisitor& visitor) override {
    visitor.choice("from", from_, {"sequence", "calibration"}, "what the maps are fitted to");
    visitor.integer("window", window_, 1, 4096, "newest queries that stand for later ones (from sequence)");
    ProjectedStore::visit(visitor);
  }
  std::string calibration_kind() const override {
    return from_ == "calibration" ? std::string(kSecondMoments) : std::string();
  }
  int query_window() const override { return from_ == "sequence" ? static_cast<int>(window_) : 0; }
  bool wants_output_metric() const override { return from_ == "sequence"; }
  int64_t fit_tokens() const override { return from_ == "sequence" ? ProjectedStore::fit_tokens() : 1; }

  Projection fit(const ProjectionInput& input) const override {
    if (from_ == "calibration") {
      const CalibratedMoments known = calibrated_moments(input);
      return {low_rank(known.keys, known.query, input.key_rank),
              low_rank({known.values.mean, known.output}, known.metric, input.value_rank)};
    }
    const Moments keys = moments_of(input.keys, input.head_dim);
    Moments values = moments_of(input.values, input.head_dim);
    const std::vector<double> origin(static_cast<size_t>(input.head_dim));
    const std::vector<double> queries =
        blended(moment_around(input.queries, origin), identity(input.head_dim), kPlainShare);
    values.moment = blended(moment_around(attention_outputs(input), values.mean), values.moment, kValueShare);
    const std::vector<double> metric(input.output_metric.begin(), input.output_metric.end());
    return {low_rank(keys, queries, input.key_rank), low_rank(values, metric, input.value_rank)};
  }

 private:
  std::string from_ = "sequence";
  int64_t window_ = 64;
};

}  // namespace

KVC_ANSWER(store, distillation, DistillationStore,
           "maps of each head that keep its logits and its part of the layer's output",
           "PiKV (DistillationCompressor), in closed form")

}  // namespace kvcompress
