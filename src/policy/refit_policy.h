// The third question inside the stage `score`: how does what is kept answer for what is gone? Asked once a
// head, at the prompt's end, after any selection.
#pragma once

#include <cstdint>  // int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "policy/answer.h"  // Answer

namespace kvcompress {

// One KV head that is about to be evicted from; its slots as in ScoreInput.
struct RefitInput {
  int slots = 0;
  int group = 1;  // query heads of this KV head
  int head_dim = 0;
  float attention_scale = 0;                 // multiplies q.k
  std::span<const int32_t> positions;        // [slots]
  std::span<const float> keys, values;       // [slots][head_dim], keys after RoPE
  std::span<const float> queries;            // [queries][group][head_dim] after RoPE
  std::span<const int32_t> query_positions;  // [queries]; a query sees slots up to its own position
  std::span<const int32_t> kept;             // slots that stay, ascending
};

struct Refitted {
  std::vector<float> bias;    // [kept] added to the scaled logits
  std::vector<float> values;  // [kept][head_dim], or empty: as they were
};

class RefitPolicy : public Answer {
 public:
  // The newest queries of a sequence that it wants to be fitted to.
  virtual int queries() const = 0;
  virtual Refitted refit(const RefitInput& input) const = 0;
};

}  // namespace kvcompress
