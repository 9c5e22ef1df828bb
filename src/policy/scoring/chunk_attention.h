// What tokens near a key look at, both ways: attention inside chunks, times the value's norm, pooled.
#pragma once

#include <cstdint>  // int64_t
#include <string>   // std::string
#include <vector>   // std::vector

#include "policy/parameters.h"    // ParameterVisitor
#include "policy/score_policy.h"  // ScoreInput, ScoreNeeds

namespace kvcompress {

struct ChunkAttentionSettings {
  int64_t chunk = 256;
  int64_t kernel = 3;

  void visit(ParameterVisitor& visitor);
  std::string problem() const;
  ScoreNeeds needs() const;
};

// Of the slots [first, last).
std::vector<float> chunk_attention_scores(const ChunkAttentionSettings& settings, const ScoreInput& input,
                                          int first, int last);

}  // namespace kvcompress
