#include "policy/projections/low_rank.h"         // keep_channels, moment_around
#include "policy/projections/projected_store.h"  // ProjectedStore
#include "policy/registry.h"                     // KVC_ANSWER

namespace kvcompress {
namespace {

constexpr double kKeyShare = 0.6;

// |Q_c| |K_c| of each channel, over the newest queries and all keys; squared.
class ThinkStore final : public ProjectedStore {
 public:
  ThinkStore() : ProjectedStore(kKeyShare, 1, /*selects=*/true) {}

  void visit(ParameterVisitor& visitor) override {
    visitor.integer("window", window_, 1, 4096, "newest queries that say which channels matter");
    ProjectedStore::visit(visitor);
  }
  int query_window() const override { return static_cast<int>(window_); }

  Projection fit(const ProjectionInput& input) const override {
    const auto width = static_cast<size_t>(input.head_dim);
    // Channels that are dropped count as 0, as published.
    const std::vector<double> origin(width);
    const std::vector<double> queries = moment_around(input.queries, origin),
                              keys = moment_around(input.keys, origin),
                              values = moment_around(input.values, origin);
    std::vector<double> importance(width), size(width);
    for (size_t c = 0; c < width; ++c) {
      importance[c] = queries[c * width + c] * keys[c * width + c];
      size[c] = values[c * width + c];
    }
    return {keep_channels(importance, origin, input.key_rank), keep_channels(size, origin, input.value_rank)};
  }

 private:
  int64_t window_ = 32;
};

}  // namespace

KVC_ANSWER(store, think, ThinkStore, "the channels of keys that queries look at most, of each head",
           "arXiv:2407.21018 (ThinK) section 3")

}  // namespace kvcompress
