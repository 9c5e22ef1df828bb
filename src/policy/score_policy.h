// Stage `score`: what is each cached token worth to each KV head? A method is one file in policy/score/ that
// defines a ScorePolicy and registers it; it sees read-only views and returns numbers, higher = keep.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "policy/answer.h"       // Answer
#include "policy/calibration.h"  // Calibration
#include "policy/rotation.h"     // Rotation

namespace kvcompress {

enum class ValueProjection { none, l1, l2 };  // norm of W_O v

// What the engine must compute before a policy can be asked. Everything is fp32.
struct ScoreNeeds {
  bool keys = false, values = false;
  bool key_norms = false, value_norms = false;
  int attention_window = 0;     // > 0: attention weights of the last that many queries
  bool attention_sums = false;  // attention weights of all queries so far
  double attention_decay = 1;   // of attention_sums, for each token
  bool query_moments = false;   // mean and covariance of the queries before RoPE
  int query_skip = 0;           // first tokens left out of them
  int chunk_attention = 0;      // > 0: attention inside chunks of that many tokens, both ways
  ValueProjection projection = ValueProjection::none;
  int replay_chunk = 0;  // > 0: what a replay of the context in chunks of that many tokens looks at
  bool replay_normalised = false;
  bool gate = false;      // scores of calibrated gates on the layer's input
  int refit_queries = 0;  // > 0: the last that many queries, for a RefitPolicy

  // What both need; the settings of one where the other needs none of it.
  ScoreNeeds united(const ScoreNeeds& other) const;
  // Whether one reading of a prompt serves both: what is summed up while reading is the same.
  bool shares_reading(const ScoreNeeds& other) const;
};

// One KV head of one layer; arrays are by live slot, ascending position, [slots]. What was not needed is
// empty.
struct ScoreInput {
  int layer = 0;
  int kv_head = 0;
  int slots = 0;
  int group = 1;  // query heads of this KV head
  int head_dim = 0;
  float attention_scale = 0;                      // multiplies q.k
  int64_t tokens_seen = 0;                        // true length of the sequence
  double keep_share = 1;                          // budget of the head over its slots, at most 1
  std::span<const int32_t> positions;             // original positions
  std::span<const float> keys;                    // [slots][head_dim] as stored: rotated
  std::span<const float> values;                  // [slots][head_dim]
  std::span<const float> key_norms, value_norms;  // Euclidean
  std::span<const float> window_weights;          // [group][slots] sums over the window's queries
  int window_queries = 0;  // how many queries window_weights was summed over: the newest slots are theirs
  std::span<const float> attention_sums;    // summed over all queries so far and over the group
  std::span<const float> query_mean;        // [group][head_dim] before RoPE
  std::span<const float> query_covariance;  // [group][head_dim][head_dim]
  std::span<const float> chunk_attention;   // column sums inside the slot's chunk, mean over the group
  std::span<const float> projected_norms;   // norms of W_O v, mean over the group
  std::span<const float> replay;  // the most that any replayed query of the group looked at the slot
  std::span<const float> gate;    // the gate's output when the slot's token was read
  Rotation rotation;
  const Calibration* calibration = nullptr;  // of calibration_kind(), when it asks for one
};

class ScorePolicy : public Answer {
 public:
  virtual ScoreNeeds needs() const { return {}; }
  // A slot's score depends on that slot alone and never changes, so the engine may keep it beside the slot.
  virtual bool per_slot() const { return false; }
  // Needs what only the reading of a prompt gives, so that a budget cannot be held while decoding.
  virtual bool prefill_only() const { return false; }
  // The window's own tokens cannot be ranked and have to be kept (budget.recent).
  virtual bool keeps_window() const { return false; }
  virtual void score(const ScoreInput& input, std::span<float> out) const = 0;  // out: [slots]
  // The heads of a layer decide together: score_layer() must be given all of them at once.
  virtual bool heads_together() const { return false; }
  // KV heads of one layer; out: [heads][slots].
  virtual void score_layer(std::span<const ScoreInput> heads, std::span<std::vector<float>> out) const;
};

}  // namespace kvcompress
