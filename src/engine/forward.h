// One step of the model over tokens of several sequences: prefill chunks and decode tokens together.
#pragma once

#include <atomic>   // std::atomic
#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "attention/attention.h"  // AttentionShape
#include "compute/precision.h"    // Precision
#include "engine/observer.h"      // Observer
#include "engine/profile.h"       // Profile
#include "engine/sequence.h"      // Sequence
#include "model/architecture.h"   // Architecture

namespace kvcompress {

// Tokens that one sequence adds in a step.
struct Segment {
  Sequence* sequence;
  std::span<const int32_t> tokens;
};

class Forward {
 public:
  Forward(Architecture& model, ThreadPool& pool, Precision precision);

  // Runs all layers: appends keys and values, attends, leaves the residual stream for logits(). Decode
  // segments have one token each. Throws Cancelled between layers once `stop` is set; the sequences are then
  // unusable.
  void run(std::span<const Segment> prefill, std::span<const Segment> decode, const std::atomic<bool>& stop);

  // Logits [rows.size()][vocabulary] of rows of the last run(): row r counts all prefill tokens in order,
  // then the decode tokens. Prefill rows must come before decode rows.
  void logits(std::span<const int> rows, float* out);

  Profile take_profile();

 private:
  void lay_out(std::span<const Segment> prefill, std::span<const Segment> decode);
  void append(int layer);
  void attend(int layer);
  void attend_prefill_rows(int layer, const AttentionShape& shape);
  void attend_decode_rows(int layer, const AttentionShape& shape);
  void drop_windowed(int layer);
  void finish();

  Architecture& model_;
  ThreadPool& pool_;
  Precision precision_;
  const ModelConfig& config_;
  int group_;

  Observer observer_;
  std::vector<ObservedRows> placed_;  // segments with their rows of the step, prefill first
  size_t prefill_segments_ = 0;
  Rows rows_;
  std::vector<int32_t> tokens_, positions_;
  // Row-major over the step's rows.
  std::vector<float> residual_, queries_, keys_, values_, attended_;
  std::vector<float> log_sum_exp_;  // per segment [kv_heads][rows of the segment][group]
  std::vector<float> head_input_;
  Profile profile_;
};

}  // namespace kvcompress
