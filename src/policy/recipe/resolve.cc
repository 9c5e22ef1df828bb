#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>   // std::find_if, std::sort
#include <filesystem>  // std::filesystem::path
#include <fstream>     // std::ifstream

#include "base/file.h"        // read_file
#include "policy/messages.h"  // name_advice, in_quotes
#include "policy/recipe.h"
#include "policy/recipe/draft.h"     // RecipeDraft
#include "policy/recipe/presets.h"   // embedded_presets
#include "policy/recipe/settings.h"  // read_recipe_text

namespace kvcompress {
namespace {

bool is_file_name(const std::string& text) { return text.ends_with(".yaml") || text.ends_with(".yml"); }

RecipeText read_part(const std::string& part) {
  if (is_file_name(part)) {
    RecipeText text = read_recipe_text(read_file(part, kMaxRecipeBytes), part);
    if (text.name.empty()) text.name = std::filesystem::path(part).stem().string();
    return text;
  }
  const auto& presets = embedded_presets();
  const auto found = std::find_if(presets.begin(), presets.end(),
                                  [&](const EmbeddedPreset& preset) { return preset.name == part; });
  if (found == presets.end()) {
    throw UsageError(fmt::format("[recipe] expected a preset or a .yaml file, got {}; {}", in_quotes(part),
                                 name_advice(part, preset_names())));
  }
  RecipeText text = read_recipe_text(found->text, fmt::format("{}.yaml", part));
  text.name = part;
  return text;
}

// A+B; a file whose name holds a plus sign is one part.
std::vector<std::string> split(const std::string& recipe) {
  if (is_file_name(recipe) && std::ifstream(recipe).good()) return {recipe};
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= recipe.size();) {
    const size_t plus = std::min(recipe.find('+', begin), recipe.size());
    parts.push_back(recipe.substr(begin, plus - begin));
    begin = plus + 1;
  }
  return parts;
}

void add_text(std::string& all, const std::string& more) {
  if (!all.empty() && !more.empty()) all += " + ";
  all += more;
}

// --budget is an amount that holds: a share of the tokens seen, and no trigger above which alone it would
// count.
StageSettings budget_option(const std::string& text) {
  const std::string origin = fmt::format("--budget {}", in_quotes(text));
  return {"budget",
          std::nullopt,
          {read_amount(text, origin),
           {"budget", "of", {"seen"}, false, origin},
           {"budget", "trigger", {"0"}, false, origin}},
          false,
          origin};
}

// What the command line says, one entry a stage, so that two amounts meet and the order of --set does not
// matter.
std::vector<StageSettings> command_line_settings(const RecipeRequest& request) {
  std::vector<StageSettings> merged;
  const auto add = [&](const StageSettings& settings) {
    const auto same = std::find_if(merged.begin(), merged.end(),
                                   [&](const StageSettings& other) { return other.stage == settings.stage; });
    if (same == merged.end()) {
      merged.push_back(settings);
      return;
    }
    if (settings.kind) same->kind = settings.kind;
    same->parameters.insert(same->parameters.end(), settings.parameters.begin(), settings.parameters.end());
  };
  if (!request.budget.empty()) add(budget_option(request.budget));
  for (const std::string& text : request.overrides) add(read_override(text));
  return merged;
}

bool gives_amount(const std::vector<StageSettings>& settings) {
  return std::any_of(settings.begin(), settings.end(), [](const StageSettings& stage) {
    const auto amount = [](const Setting& s) {
      return s.key == "tokens" || s.key == "keep" || s.key == "bytes";
    };
    return stage.stage == "budget" && std::any_of(stage.parameters.begin(), stage.parameters.end(), amount);
  });
}

Recipe build(const std::vector<RecipeText>& texts, const std::vector<StageSettings>& overrides) {
  RecipeDraft draft;
  std::string name, summary, source;
  for (const RecipeText& text : texts) {
    for (const StageSettings& stage : text.stages) draft.apply(stage);
    name += (name.empty() ? "" : "+") + text.name;
    add_text(summary, text.summary);
    add_text(source, text.source);
  }
  for (const StageSettings& stage : overrides) draft.apply(stage);
  Recipe recipe = draft.finish(name);
  recipe.summary = summary;
  recipe.source = source;
  return recipe;
}

}  // namespace

std::vector<std::string> preset_names() {
  std::vector<std::string> names;
  for (const EmbeddedPreset& preset : embedded_presets()) names.emplace_back(preset.name);
  std::sort(names.begin(), names.end());
  return names;
}

Recipe resolve_recipe(const RecipeRequest& request) {
  const std::vector<StageSettings> overrides = command_line_settings(request);
  std::string wanted = request.recipe;
  if (wanted.empty()) wanted = gives_amount(overrides) ? "auto" : "full";
  std::vector<RecipeText> texts;
  for (const std::string& part : split(wanted)) texts.push_back(read_part(part));
  return build(texts, overrides);
}

Recipe parse_recipe(std::string_view yaml, const std::string& origin) {
  RecipeText text = read_recipe_text(yaml, origin);
  if (text.name.empty()) text.name = origin;
  return build({text}, {});
}

}  // namespace kvcompress
