// The two questions inside the stage `budget` that have several answers: how the sum is shared among layers
// and heads. An answer gives weights; the planner turns them into slots whose sum is exact.
#pragma once

#include <cstdint>   // int64_t
#include <optional>  // std::optional
#include <span>      // std::span
#include <vector>    // std::vector

#include "policy/answer.h"       // Answer
#include "policy/calibration.h"  // Calibration
#include "policy/selection.h"    // HeadSelection

namespace kvcompress {

// How many slots a head keeps, and which of them whatever they score.
struct HeadLimit {
  int64_t slots = 0;
  int64_t sinks = 0, recent = 0;
};

struct LayerShareInput {
  int layers = 0;
  int64_t tokens_seen = 0;
  double mean_slots = 0;  // what a limited head gets on average
  int64_t recent = 0;     // of them always kept: the window
  // [layers] effective rank of the cached keys over its most (policy/budget/key_rank.h), when needed; layers
  // that are not limited have 0.
  std::span<const double> key_ranks;
  const Calibration* calibration = nullptr;  // of calibration_kind(), when it asks for one
};

class LayerShares : public Answer {
 public:
  // Relative budget of each layer of the model, > 0, [layers]; layers that are never compressed are ignored.
  virtual std::vector<double> weights(const LayerShareInput& input) const = 0;
  virtual bool needs_key_ranks() const { return false; }
  // The heads of all layers compete by their scores; weights() is then only the plan made before.
  virtual bool by_score() const { return false; }
  // An answer that has an amount of its own, used when the recipe gives none: what a head of `layer` that
  // holds `held` slots keeps; nullopt: all of them.
  virtual bool has_limits() const { return false; }
  virtual std::optional<HeadLimit> limit(int /*layer*/, int /*layers*/, int64_t /*held*/) const {
    return std::nullopt;
  }
  // `held` of limit() is what the head holds just now; false: the tokens seen, so that the limit is the same
  // whether one token came or all of them.
  virtual bool limits_held() const { return true; }
  // Sinks and recent slots of a head that keeps `slots`, where they follow from the layer's size.
  virtual HeadLimit region(HeadLimit limit) const { return limit; }
};

struct HeadShareInput {
  int layer = 0;  // -1 when the answer spans layers: arrays are then [limited layers][kv_heads]
  int kv_heads = 0;
  int group = 1;
  std::span<const int> layers;            // the limited layers, when it spans them
  int all_layers = 0;                     // of the model
  double mean_slots = 0;                  // what a head gets on average
  int64_t recent = 0;                     // of them always kept: the window
  std::span<const HeadSelection> scored;  // [kv_heads] when by_score() and the scores are there
  const Calibration* calibration = nullptr;
};

class HeadShares : public Answer {
 public:
  // Relative budgets, > 0: [kv_heads] of one layer, or of all limited layers when spans_layers().
  virtual std::vector<double> weights(const HeadShareInput& input) const = 0;
  // `total` units among the heads; the sum is exact. By weight unless an answer knows better.
  virtual std::vector<int64_t> share(const HeadShareInput& input, int64_t total,
                                     std::span<const int64_t> floors, std::span<const int64_t> caps) const;
  virtual bool by_score() const { return false; }
  virtual bool spans_layers() const { return false; }
  // As in LayerShares: an amount of its own, in the order of weights() with spans_layers(). 0: no limit.
  virtual bool has_limits() const { return false; }
  virtual std::vector<int64_t> limits(const HeadShareInput& /*input*/, int64_t /*forced*/) const {
    return {};
  }
};

}  // namespace kvcompress
