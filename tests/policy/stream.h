// A cache that is a list of tokens, for tests of what the policies decide, and the seed library's methods
// written out as full sorts.
#pragma once

#include <algorithm>  // std::stable_sort
#include <cstdint>    // int32_t
#include <vector>     // std::vector

#include "policy/recipe.h"  // Recipe

namespace kvcompress {

struct Token {
  int32_t position;
  float norm;
  bool operator==(const Token&) const = default;
};
using Head = std::vector<Token>;

inline std::vector<float> scores_of(const Recipe& recipe, int layer, const Head& head, int64_t seen) {
  std::vector<int32_t> positions;
  std::vector<float> norms, scores(head.size());
  for (const Token& token : head) {
    positions.push_back(token.position);
    norms.push_back(token.norm);
  }
  ScoreInput input;
  input.layer = layer;
  input.slots = static_cast<int>(head.size());
  input.tokens_seen = seen;
  input.positions = positions;
  input.key_norms = norms;
  recipe.score->score(input, scores);
  return scores;
}

struct Place {
  int layer = 0, layers = 4;
};

// What an engine does at a hook.
inline void evict(const Recipe& recipe, Place place, int64_t seen, Head& head) {
  BudgetInput sizes;
  sizes.layers = place.layers;
  sizes.kv_heads = 1;
  sizes.tokens_seen = seen;
  sizes.page_bytes = 1;
  sizes.page_slots = 64;
  const std::vector<int32_t> plan = plan_budget(recipe.budget, sizes);
  const auto held = static_cast<int64_t>(head.size());
  const HeadLimit limit = limit_now(recipe.budget, place.layer, place.layers, 0, plan[place.layer], held);
  if (limit.slots >= held) return;
  const std::vector<float> scores = scores_of(recipe, place.layer, head, seen);
  Head kept;
  for (const int32_t slot : select_slots({scores, {}, limit.slots, limit.sinks, limit.recent})) {
    kept.push_back(head[slot]);
  }
  head = kept;
}

// The `count` tokens of smallest `rank`, the earlier of two alike, in the order they stand.
template <typename Rank>
Head smallest(const Head& zone, int64_t count, Rank&& rank) {
  std::vector<size_t> order(zone.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return rank(a) < rank(b); });
  order.resize(std::min<size_t>(order.size(), count));
  std::sort(order.begin(), order.end());
  Head kept;
  for (const size_t i : order) kept.push_back(zone[i]);
  return kept;
}

inline Head smallest_norms(const Head& zone, int64_t count, double sign = 1) {
  return smallest(zone, count, [&](size_t i) { return sign * zone[i].norm; });
}

// Methods of kvcompress's seed library: keep slots [0, a), the m best of [a, n - c), and the last c, when
// there are more than `trigger`.
struct Regions {
  int64_t trigger, a, m, c;
  double sign = 1;  // -1: the largest norms
};

inline Head region_plan(const Head& head, const Regions& regions) {
  if (static_cast<int64_t>(head.size()) <= regions.trigger) return head;
  Head kept(head.begin(), head.begin() + regions.a);
  const Head zone =
      smallest_norms(Head(head.begin() + regions.a, head.end() - regions.c), regions.m, regions.sign);
  kept.insert(kept.end(), zone.begin(), zone.end());
  kept.insert(kept.end(), head.end() - regions.c, head.end());
  return kept;
}

}  // namespace kvcompress
