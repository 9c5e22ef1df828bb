// Recipes' answers by their YAML, for tests of the budget.
#pragma once

#include <memory>  // std::shared_ptr
#include <string>  // std::string

#include "policy/recipe.h"  // parse_recipe

namespace kvcompress {

// `budget` as inside the braces of a recipe.
inline BudgetSettings budget_of(const std::string& budget) {
  return parse_recipe("score: recency\nbudget: {" + budget + "}\n", "test").budget;
}

inline std::shared_ptr<const LayerShares> layers_of(const std::string& answer) {
  return budget_of("tokens: 1000, layers: " + answer).layer_shares;
}

inline BudgetInput sizes_of(int layers, int kv_heads, int64_t seen) {
  BudgetInput input;
  input.layers = layers;
  input.kv_heads = kv_heads;
  input.tokens_seen = seen;
  input.page_bytes = 1000;
  input.page_slots = 64;
  return input;
}

}  // namespace kvcompress
