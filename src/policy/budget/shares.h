// The two questions inside the stage `budget` that have several answers: how the sum is shared among layers
// and heads. An answer gives weights; the planner turns them into slots whose sum is exact.
#pragma once

#include <vector>  // std::vector

#include "policy/answer.h"  // Answer

namespace kvcompress {

class LayerShares : public Answer {
 public:
  // Relative budget of each layer of the model, > 0, [layers]; layers that are never compressed are ignored.
  virtual std::vector<double> weights(int layers) const = 0;
};

class HeadShares : public Answer {
 public:
  // Relative budget of each KV head of one layer, > 0, [kv_heads].
  virtual std::vector<double> weights(int layer, int kv_heads) const = 0;
};

}  // namespace kvcompress
