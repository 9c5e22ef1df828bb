// Applies a recipe's score and budget stages to a sequence at the hooks of its life: after a prefill chunk
// and after a decoded token. Runs between steps, never inside a layer.
#pragma once

#include <vector>  // std::vector

#include "attention/attention.h"  // AttentionShape
#include "compute/thread_pool.h"  // ThreadPool
#include "engine/sequence.h"      // Sequence
#include "model/architecture.h"   // ModelConfig

namespace kvcompress {

class Compressor {
 public:
  Compressor(const ModelConfig& config, const PagePool& pages, ThreadPool& pool);

  // last: the prompt (or an extension of it) ends with this chunk.
  void after_chunk(Sequence& sequence, bool last);
  // A budget that is held evicts what the new token pushed over it; one that grows does nothing.
  void after_decode(Sequence& sequence);

 private:
  // Attention weights of the window's queries by live slot: per KV head [group][live slots].
  using WindowWeights = std::vector<std::vector<float>>;

  void plan(Sequence& sequence, int64_t tokens) const;
  void compress(Sequence& sequence);
  void compress_layer(Sequence& sequence, int layer);
  void compress_head(Sequence& sequence, int layer, int head, const WindowWeights& weights) const;
  WindowWeights window_weights(const Sequence& sequence, int layer);
  void hold_by_kept_scores(Sequence& sequence);
  void evict_lowest(Sequence& sequence, int layer, int head) const;

  const ModelConfig& config_;
  const PagePool& pages_;
  ThreadPool& pool_;
  int group_;
};

}  // namespace kvcompress
