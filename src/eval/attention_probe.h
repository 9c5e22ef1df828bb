// What a compressed cache's attention misses: KV hit and output error against a shadow cache that holds
// everything the compressed one was ever given.
//
// With the method's own query, `hit` is the sum over tokens of the smaller of the two attention weights,
// 1 minus their total variation; a cache that only evicts has the shadow's weights of the kept tokens, scaled
// up, so it is the shadow's attention mass of the kept tokens: exp(lse_method - lse_shadow). `output error`
// is the norm of the difference of the attention outputs of all heads of a layer, over the norm of the
// shadow's. Layers with a sliding window, which no recipe compresses, are left out.
#pragma once

#include <vector>  // std::vector

#include "engine/engine.h"  // Engine, Sequence

namespace kvcompress {

struct AttentionSums {
  double hit = 0;     // summed over query heads
  int64_t heads = 0;  // query heads, layers and tokens
  double error = 0;   // summed over layers
  int64_t layers = 0;

  void add(const AttentionSums& other);
  double mean_hit() const { return hit / static_cast<double>(heads); }
  double mean_error() const { return error / static_cast<double>(layers); }
};

class AttentionProbe {
 public:
  // Most tokens of one step.
  static constexpr int kRows = 64;

  // full: what the method's cache was compressed from.
  AttentionProbe(Engine& engine, const Sequence& full) : engine_(engine), shadow_(full.cache.fork()) {}

  // A step between begin() and end() is measured: at most kRows tokens, one where a budget is held. Nothing
  // is compressed meanwhile; Engine::hold() after end() makes up for it.
  void begin(Sequence& sequence);
  void end(Sequence& sequence);

  const AttentionSums& sums() const { return sums_; }

 private:
  void measure_layer(const Sequence& sequence, int layer, int rows);
  void extend_shadow(const Sequence& sequence, int layer, int head, int rows);

  Engine& engine_;
  SequenceCache shadow_;
  AttentionSums sums_;
  // Of the sequence that is measured.
  Recipe recipe_;
  int32_t position_ = 0;
};

}  // namespace kvcompress
