#include "policy/score_policy.h"

#include <algorithm>  // std::max

namespace kvcompress {

ScoreNeeds ScoreNeeds::united(const ScoreNeeds& other) const {
  ScoreNeeds both = *this;
  both.keys |= other.keys;
  both.values |= other.values;
  both.key_norms |= other.key_norms;
  both.value_norms |= other.value_norms;
  both.attention_window = std::max(attention_window, other.attention_window);
  both.attention_sums |= other.attention_sums;
  if (!attention_sums) both.attention_decay = other.attention_decay;
  both.query_moments |= other.query_moments;
  both.query_skip = std::max(query_skip, other.query_skip);
  both.chunk_attention = std::max(chunk_attention, other.chunk_attention);
  if (projection == ValueProjection::none) both.projection = other.projection;
  both.replay_chunk = std::max(replay_chunk, other.replay_chunk);
  both.replay_normalised |= other.replay_normalised;
  both.gate |= other.gate;
  both.refit_queries = std::max(refit_queries, other.refit_queries);
  return both;
}

bool ScoreNeeds::shares_reading(const ScoreNeeds& other) const {
  const auto both = [](bool a, bool b) { return a && b; };
  if (both(attention_sums, other.attention_sums) && attention_decay != other.attention_decay) return false;
  if (both(query_moments, other.query_moments) && query_skip != other.query_skip) return false;
  if (both(chunk_attention > 0, other.chunk_attention > 0) && chunk_attention != other.chunk_attention) {
    return false;
  }
  if (both(replay_chunk > 0, other.replay_chunk > 0)) {
    return replay_chunk == other.replay_chunk && replay_normalised == other.replay_normalised;
  }
  return true;
}

void ScorePolicy::score_layer(std::span<const ScoreInput> heads, std::span<std::vector<float>> out) const {
  for (size_t head = 0; head < heads.size(); ++head) {
    out[head].resize(static_cast<size_t>(heads[head].slots));
    score(heads[head], out[head]);
  }
}

}  // namespace kvcompress
