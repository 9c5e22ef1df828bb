// What one source (a YAML text, a preset, --set) says about the stages, before it is applied.
#pragma once

#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "policy/parameter_reader.h"  // Setting
#include "policy/recipe/yaml_tree.h"  // YamlNode

namespace kvcompress {

// The six stages as they are written in a recipe; `budget` holds the questions layers and heads.
struct StageSettings {
  std::string stage;
  std::optional<Setting> kind;      // the answer, or for `budget` an amount that stands for the whole stage
  std::vector<Setting> parameters;  // nested maps joined by dots: "layers.kind"
  bool replaces = false;            // begins from defaults (a file does, --set does not)
  std::string origin;
};

struct RecipeText {
  std::string name, summary, source;
  std::vector<StageSettings> stages;  // in the order of the text, each stage once
};

const std::vector<std::string>& recipe_stage_names();

// Throws UsageError "[recipe ORIGIN:LINE] ...".
RecipeText read_recipe_text(std::string_view yaml, const std::string& origin);
// "stage.key=value" or "stage=answer"; throws UsageError "[--set ...] ...".
StageSettings read_override(const std::string& text);
// "1024", "25%", "64MiB" as a setting of the stage budget; throws UsageError "[--budget ...] ...".
Setting read_amount(const std::string& text, const std::string& origin);

}  // namespace kvcompress
