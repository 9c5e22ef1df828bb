// Stage `score`: what is each cached token worth to each KV head? A method is one file in policy/score/ that
// defines a ScorePolicy and registers it; it sees read-only views and returns numbers, higher = keep.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span

#include "policy/answer.h"  // Answer

namespace kvcompress {

// What the engine must compute before score() can be called.
struct ScoreNeeds {
  bool key_norms = false;
  int attention_window = 0;  // > 0: attention weights of the last that many queries
};

// One KV head of one layer; arrays are by live slot, ascending position, [slots].
struct ScoreInput {
  int layer = 0;
  int kv_head = 0;
  int slots = 0;
  int group = 1;                          // query heads of this KV head
  int64_t tokens_seen = 0;                // true length of the sequence
  std::span<const int32_t> positions;     // original positions
  std::span<const float> key_norms;       // Euclidean, when needed
  std::span<const float> window_weights;  // [group][slots] sums over the window's queries, when needed
  int window_queries = 0;  // how many queries window_weights was summed over: the newest slots are theirs
};

class ScorePolicy : public Answer {
 public:
  virtual ScoreNeeds needs() const { return {}; }
  // A slot's score depends on that slot alone and never changes, so the engine may keep it beside the slot.
  virtual bool per_slot() const { return false; }
  virtual void score(const ScoreInput& input, std::span<float> out) const = 0;  // out: [slots]
};

}  // namespace kvcompress
