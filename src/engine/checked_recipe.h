// Whether a recipe can be followed on a model and in a prefill mode.
#pragma once

#include <string>  // std::string

#include "engine/sequence.h"  // PrefillMode
#include "policy/recipe.h"    // Recipe

namespace kvcompress {

struct RecipePlace {
  std::string model_path, model_hash;
  int context;  // positions a sequence may have
};

// Throws UsageError: a calibration that is missing or of another model, a stage that the prefill mode gives
// no chance to work, a budget beyond the context.
void check_recipe(const Recipe& recipe, PrefillMode prefill, const RecipePlace& place);

}  // namespace kvcompress
