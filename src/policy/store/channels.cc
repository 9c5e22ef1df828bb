#include "policy/projections/low_rank.h"         // keep_channels, moments_of
#include "policy/projections/projected_store.h"  // ProjectedStore
#include "policy/registry.h"                     // KVC_ANSWER

namespace kvcompress {
namespace {

constexpr double kKeyShare = 0.6, kValueShare = 0.8;

// A dropped channel is its mean, so its variance is what is lost of it.
class ChannelStore final : public ProjectedStore {
 public:
  ChannelStore() : ProjectedStore(kKeyShare, kValueShare, /*selects=*/true) {}

  void visit(ParameterVisitor& visitor) override {
    visitor.integer("window", window_, 1, 4096, "newest queries that say which channels of keys matter");
    ProjectedStore::visit(visitor);
  }
  int query_window() const override { return static_cast<int>(window_); }
  bool wants_output_metric() const override { return true; }

  Projection fit(const ProjectionInput& input) const override {
    const auto width = static_cast<size_t>(input.head_dim);
    const Moments keys = moments_of(input.keys, input.head_dim),
                  values = moments_of(input.values, input.head_dim);
    const std::vector<double> queries = moment_around(input.queries, std::vector<double>(width));
    std::vector<double> key_loss(width), value_loss(width);
    for (size_t c = 0; c < width; ++c) {
      const size_t at = c * width + c;
      key_loss[c] = queries[at] * keys.moment[at];
      value_loss[c] = values.moment[at] * input.output_metric[at];
    }
    return {keep_channels(key_loss, keys.mean, input.key_rank),
            keep_channels(value_loss, values.mean, input.value_rank)};
  }

 private:
  int64_t window_ = 32;
};

}  // namespace

KVC_ANSWER(store, channels, ChannelStore,
           "the channels of keys and values whose loss costs most; others are their mean",
           "PiKV (PruningCompressor), importance as in arXiv:2407.21018 (ThinK)")

}  // namespace kvcompress
