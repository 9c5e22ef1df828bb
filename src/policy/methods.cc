#include "policy/methods.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError

#include <nlohmann/json.hpp>

#include "policy/messages.h"           // name_advice, in_quotes
#include "policy/methods_catalogue.h"  // Catalogue
#include "policy/parameter_values.h"   // parse_integer
#include "policy/recipe.h"             // to_yaml

namespace kvcompress {
namespace {

using Json = nlohmann::ordered_json;

Json typed_value(const ParameterRow& row) {
  if (row.value.empty()) return "none";
  if (row.type == "integer" || row.type == "bytes") return parse_bytes(row.value).value_or(0);
  if (row.type == "real") return parse_real(row.value).value_or(0);
  if (row.type == "share") return parse_share(row.value).value_or(0);
  if (row.type == "boolean") return row.value == "true";
  if (row.type == "integers" || row.type == "reals") return Json::parse(row.value);
  return row.value;
}

Json json_of(const CatalogueAnswer& answer) {
  Json parameters = Json::array();
  for (const ParameterRow& row : answer.parameters) {
    parameters.push_back({{"name", row.name},
                          {"type", row.type},
                          {"default", typed_value(row)},
                          {"range", row.range},
                          {"help", row.help}});
  }
  return {{"name", answer.name},
          {"summary", answer.summary},
          {"source", answer.source},
          {"parameters", parameters}};
}

Json json_of(const Recipe& recipe) {
  Json stages = Json::object();
  for (const auto& [stage, choice] : recipe_choices(recipe)) {
    Json values = Json::object();
    if (!choice.kind.empty()) values["kind"] = choice.kind;
    for (const ParameterRow& row : choice.parameters) {
      if (!row.value.empty()) values[row.name] = typed_value(row);
    }
    stages[stage] = values;
  }
  return {{"name", recipe.name}, {"summary", recipe.summary}, {"source", recipe.source}, {"stages", stages}};
}

std::string full_text(const CatalogueStage& stage, const CatalogueAnswer& answer) {
  std::string out =
      fmt::format("{} ({}): {}\n  source: {}\n", answer.name, stage.name, answer.summary, answer.source);
  for (const ParameterRow& row : answer.parameters) {
    out += fmt::format("  {}.{}  {}, default {}, range {}\n      {}\n", stage.name, row.name, row.type,
                       row.value.empty() ? "none" : row.value, row.range, row.help);
  }
  return out;
}

[[noreturn]] void throw_unknown(const Catalogue& catalogue, const std::string& name) {
  std::vector<std::string> known;
  for (const Recipe& recipe : catalogue.recipes) known.push_back(recipe.name);
  for (const CatalogueStage& stage : catalogue.stages) {
    for (const CatalogueAnswer& answer : stage.answers) known.push_back(answer.name);
  }
  throw UsageError(fmt::format("[methods] expected the name of a recipe or of a stage's answer, got {}; {}",
                               in_quotes(name), name_advice(name, known)));
}

}  // namespace

std::string methods_json(const std::string& name) {
  const Catalogue catalogue = make_catalogue();
  Json recipes = Json::array();
  Json stages = Json::object();
  bool found = name.empty();
  for (const Recipe& recipe : catalogue.recipes) {
    if (!name.empty() && recipe.name != name) continue;
    recipes.push_back(json_of(recipe));
    found = true;
  }
  for (const CatalogueStage& stage : catalogue.stages) {
    Json answers = Json::array();
    for (const CatalogueAnswer& answer : stage.answers) {
      if (!name.empty() && answer.name != name) continue;
      answers.push_back(json_of(answer));
      found = true;
    }
    stages[stage.name] = answers;
  }
  if (!found) throw_unknown(catalogue, name);
  return Json{{"recipes", recipes}, {"stages", stages}}.dump(2);
}

std::string methods_text(const std::string& name) {
  const Catalogue catalogue = make_catalogue();
  std::string out = name.empty() ? "recipes\n" : "";
  for (const Recipe& recipe : catalogue.recipes) {
    if (name.empty()) out += fmt::format("  {:<24} {}\n", recipe.name, recipe.summary);
    if (recipe.name == name) out += to_yaml(recipe);
  }
  for (const CatalogueStage& stage : catalogue.stages) {
    if (name.empty()) out += fmt::format("\n{}: {}\n", stage.name, stage.question);
    for (const CatalogueAnswer& answer : stage.answers) {
      if (name.empty()) out += fmt::format("  {:<24} {}\n", answer.name, answer.summary);
      if (answer.name == name) out += full_text(stage, answer);
    }
  }
  if (out.empty()) throw_unknown(catalogue, name);
  return out;
}

}  // namespace kvcompress
