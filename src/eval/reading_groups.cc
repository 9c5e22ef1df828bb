#include "eval/reading_groups.h"

namespace kvcompress {

std::vector<ReadingGroup> reading_groups(std::span<const Recipe> recipes, PrefillMode prefill) {
  std::vector<ReadingGroup> groups;
  std::vector<ScoreNeeds> needs;  // of each group, united
  for (size_t i = 0; i < recipes.size(); i++) {
    const bool alone = recipes[i].evicts() ? prefill == PrefillMode::bounded : recipes[i].compresses();
    const ScoreNeeds own = recipes[i].needs();
    size_t g = 0;
    while (g < groups.size() && (alone || groups[g].alone || !needs[g].shares_reading(own))) g++;
    if (g == groups.size()) {
      groups.push_back({{}, {}, alone});
      needs.emplace_back();
    }
    groups[g].members.push_back(i);
    groups[g].recipes.push_back(recipes[i]);
    needs[g] = needs[g].united(own);
  }
  return groups;
}

}  // namespace kvcompress
