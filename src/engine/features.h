// What policies see of the heads of one layer, computed from the cache and from what was observed.
#pragma once

#include <vector>  // std::vector

#include "compute/thread_pool.h"  // ThreadPool
#include "engine/sequence.h"      // Sequence
#include "model/architecture.h"   // Architecture

namespace kvcompress {

// One head's ScoreInput with the arrays it points to.
struct HeadFeatures {
  HeadFeatures() = default;
  HeadFeatures(HeadFeatures&&) = default;
  HeadFeatures& operator=(HeadFeatures&&) = default;

  std::vector<int32_t> positions;
  std::vector<float> keys, values, key_norms, value_norms;
  std::vector<float> window_weights, query_mean, query_covariance, projected_norms;
  ScoreInput input;
};

// The Euclidean norm of a key or value, the same wherever it is computed.
float norm_of(const float* row, int width);

class FeatureReader {
 public:
  FeatureReader(const Architecture& model, ThreadPool& pool);

  // All KV heads of a layer, with what `needs` names.
  std::vector<HeadFeatures> read(const Sequence& sequence, int layer, const ScoreNeeds& needs);
  // The same, when reads_inline() of the sequence: without the pool, so that layers may be read side by side.
  std::vector<HeadFeatures> read_inline(const Sequence& sequence, int layer, const ScoreNeeds& needs) const;
  // Prefetches what read_inline() will look at: a step goes through more memory than caches hold, so that
  // nothing of a layer is left there by its end.
  void ask_for_layer(const Sequence& sequence, int layer) const;
  // The newest query's logits are at hand, and no other weights are needed.
  static bool reads_inline(const Sequence& sequence);
  // Adds the newest `count` queries of the window to `weights`, by live slot: per KV head [group][live
  // slots]. log_decay: natural logarithm of what a query's weights lose for each later token.
  std::vector<std::vector<float>> window_weights(const Sequence& sequence, int layer, int count,
                                                 double log_decay);
  // Norms of W_O v, [slots], for one query head. values: [slots][head_dim].
  std::vector<float> projected_norms(int layer, int query_head, std::span<const float> values,
                                     ValueProjection norm) const;

 private:
  void read_head(const Sequence& sequence, int layer, int head, const ScoreNeeds& needs,
                 HeadFeatures& out) const;
  // Weights of the newest decoded query, from its logits: [group][live slots].
  std::vector<float> decoded_weights(const Sequence& sequence, int layer, int head) const;
  void read_cache(const HeadSlots& slots, const ScoreNeeds& needs, HeadFeatures& out) const;
  void read_observed(const Sequence& sequence, int layer, int head, const ScoreNeeds& needs,
                     HeadFeatures& out) const;

  const Architecture& model_;
  ThreadPool& pool_;
  const ModelConfig& config_;
  int group_;
};

}  // namespace kvcompress
