// A recipe with its budget as the user wrote it.
#pragma once

#include <string>  // std::string

#include "policy/recipe.h"  // Recipe

namespace kvcompress {

struct EvaluatedRecipe {
  Recipe recipe;
  std::string budget;  // empty: the recipe's own
};

}  // namespace kvcompress
