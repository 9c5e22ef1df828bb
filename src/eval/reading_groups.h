// Which recipes one reading of a prompt serves.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "engine/engine.h"  // PrefillMode, Recipe

namespace kvcompress {

struct ReadingGroup {
  std::vector<size_t> members;  // indices of the recipes
  std::vector<Recipe> recipes;  // theirs, for Engine::open_shared()
  bool alone = false;           // one recipe, which evicts or packs while it reads
};

// Every recipe in one group, in the order given. With bounded prefill each that compresses stands alone, and
// always each that packs what it reads without evicting first.
std::vector<ReadingGroup> reading_groups(std::span<const Recipe> recipes, PrefillMode prefill);

}  // namespace kvcompress
