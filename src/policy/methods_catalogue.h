// The registry and the presets as plain rows, for the three forms of `methods`.
#pragma once

#include <string>   // std::string
#include <utility>  // std::pair
#include <vector>   // std::vector

#include "policy/parameter_table.h"  // ParameterRow
#include "policy/recipe.h"           // Recipe

namespace kvcompress {

struct CatalogueAnswer {
  std::string name, summary, source;
  std::vector<ParameterRow> parameters;
};

struct CatalogueStage {
  std::string name, question;
  std::vector<CatalogueAnswer> answers;
};

struct Catalogue {
  std::vector<Recipe> recipes;  // by name
  std::vector<CatalogueStage>
      stages;  // in the order of a token's way; `budget` holds its settings as one answer
};

Catalogue make_catalogue();

struct RecipeChoice {
  std::string kind;  // empty for the settings of `budget`
  std::vector<ParameterRow> parameters;
};
// Stage name and choice, the six stages in order.
std::vector<std::pair<std::string, RecipeChoice>> recipe_choices(const Recipe& recipe);

}  // namespace kvcompress
