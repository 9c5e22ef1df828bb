// How well gates foretell a replay on windows that they were not fitted to.
#pragma once

#include <cstdint>  // int64_t
#include <map>      // std::map
#include <span>     // std::span
#include <string>   // std::string
#include <vector>   // std::vector

#include "eval/calibrate/gate_fit.h"  // LinearMap
#include "model/architecture.h"       // ModelConfig

namespace kvcompress {

// Rank correlation, from -1 to 1; values that are equal share their mean rank. 0 when either does not vary.
double spearman(std::span<const float> a, std::span<const float> b);

class HeldOut {
 public:
  HeldOut(const ModelConfig& config, size_t candidates);

  // inputs: [tokens][hidden]; targets: [tokens][kv_heads]; one map for each candidate. Different layers may
  // be added to at the same time.
  void add(int layer, std::span<const float> inputs, std::span<const float> targets,
           const std::vector<LinearMap>& maps);
  // For each layer the candidate that explains most.
  std::vector<size_t> choose() const;
  // For settings, all means over layers and heads of the chosen ones: held_out_r2, held_out_spearman (and by
  // layer), ridge by layer, and held_out_top25: the share of the replay's best quarter, over all layers and
  // heads, that is in the gate's.
  std::map<std::string, std::string> figures(const std::vector<double>& candidates) const;

 private:
  struct Layer {
    std::vector<float> targets;                // [tokens][kv_heads]
    std::vector<std::vector<float>> foretold;  // [candidates] of the same
  };

  double explained(const Layer& layer, size_t candidate) const;  // mean R2 of the heads
  double correlation(const Layer& layer, size_t candidate) const;
  double top_quarter(const std::vector<size_t>& chosen) const;

  size_t heads_, candidates_;
  std::vector<Layer> layers_;
};

}  // namespace kvcompress
