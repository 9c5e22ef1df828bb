// Between the scores and the slots kept: two questions inside the stage `score`.
//  weight  how do the values change what a token is worth?
//  select  which slots go together (whole chunks, quotas), or are safe whatever the rest scores?
#pragma once

#include <cstdint>  // uint8_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "policy/score_policy.h"  // ScoreInput, ScoreNeeds

namespace kvcompress {

class WeightPolicy : public Answer {
 public:
  virtual ScoreNeeds needs() const { return {}; }
  virtual void weigh(const ScoreInput& input, std::span<float> scores) const = 0;
};

// One KV head about to be evicted from.
struct HeadSelection {
  ScoreInput input;
  std::vector<float> scores;  // [slots]
  // [slots] 1: kept by mask, whatever it scores (pinned, sinks, recent, and what a SelectPolicy adds).
  std::vector<uint8_t> forced;
  int64_t budget = 0;  // slots to keep, forced ones included
};

class SelectPolicy : public Answer {
 public:
  virtual ScoreNeeds needs() const { return {}; }
  // Changes scores and forces slots of the heads of one layer; never forces more than a head's budget. The
  // best scores fill the budget afterwards.
  virtual void refine(std::span<HeadSelection> heads) const = 0;
};

}  // namespace kvcompress
