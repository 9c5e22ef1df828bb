// Watches a step of the model for the sequences whose recipes score by more than their cache, and writes what
// it sees into their Observations.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "compute/thread_pool.h"  // ThreadPool
#include "engine/features.h"      // FeatureReader
#include "engine/sequence.h"      // Sequence
#include "model/architecture.h"   // Architecture

namespace kvcompress {

// The rows of a step that belong to one sequence.
struct ObservedRows {
  Sequence* sequence;
  int row, count;
  bool prefill;
};

// Rows of one layer of a step, as Forward holds them: queries and keys rotated, row-major.
struct LayerRows {
  const float* queries;      // [rows][query_heads][head_dim]
  const float* keys;         // [rows][kv_heads][head_dim]
  const float* log_sum_exp;  // per segment [kv_heads][rows of the segment][group], at row * query_heads
  const int32_t* positions;  // [rows]
};

class Observer {
 public:
  Observer(const Architecture& model, ThreadPool& pool);

  // Before a layer: its input, [rows][hidden].
  void before_layer(int layer, std::span<const ObservedRows> segments, const float* residual);
  // Where prefill attention adds the weights that each slot gets, [kv_heads][group][physical slots], zeroed;
  // nullptr for a sequence that does not want them. Valid until the next layer.
  float* column_sums(int layer, const ObservedRows& segment);
  // Where decode attention writes its logits, [kv_heads][group][physical slots]; nullptr for a sequence that
  // does not want them.
  float* decode_logits(int layer, const ObservedRows& segment);
  void after_attention(int layer, std::span<const ObservedRows> segments, const LayerRows& rows);
  // After the last layer.
  void after_step(std::span<const ObservedRows> segments, std::span<const int32_t> tokens,
                  std::span<const int32_t> positions);

 private:
  void note_input_norms(const ObservedRows& segment, const float* residual);
  void note_inputs(int layer, const ObservedRows& segment, const float* residual);
  void note_gate(int layer, const ObservedRows& segment, const float* residual);
  void note_sums(int layer, const ObservedRows& segment);
  void note_chunks(int layer, const ObservedRows& segment, const LayerRows& rows);
  void note_moments(int layer, const ObservedRows& segment, const LayerRows& rows);
  void prepare_unrotation(const Rotation& rotation, const ObservedRows& segment, const int32_t* positions);

  const Architecture& model_;
  ThreadPool& pool_;
  const ModelConfig& config_;
  int group_;
  FeatureReader reader_;
  // By segment's sequence of the layer at hand: [kv_heads][group][physical slots].
  struct Sums {
    const Sequence* sequence;
    std::vector<float> values;
  };
  std::vector<Sums> sums_;
  // Cosines and sines of the negative positions, [rows][pairs] each, for one rotation.
  const double* unrotation_of_ = nullptr;
  int unrotation_row_ = -1;
  std::vector<float> cosines_, sines_;
};

}  // namespace kvcompress
