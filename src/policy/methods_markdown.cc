#include <fmt/format.h>

#include "policy/methods.h"
#include "policy/methods_catalogue.h"  // make_catalogue

namespace kvcompress {
namespace {

// A pipe would end the cell.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string recipe_section(const Recipe& recipe) {
  return fmt::format("### {}\n\n{}.\n\nSource: {}\n\n```yaml\n{}```\n\n", recipe.name, recipe.summary,
                     recipe.source, to_yaml(recipe));
}

std::string answer_section(const CatalogueStage& stage, const CatalogueAnswer& answer) {
  std::string out = fmt::format("### {}: {}\n\n{}.\n\n", stage.name, answer.name, answer.summary);
  if (!answer.source.empty()) out += fmt::format("Source: {}\n\n", answer.source);
  if (answer.parameters.empty()) return out + "No parameters.\n\n";
  out += "| parameter | type | default | range | meaning |\n|---|---|---|---|---|\n";
  for (const ParameterRow& row : answer.parameters) {
    out += fmt::format("| `{}` | {} | {} | {} | {} |\n", row.name, row.type,
                       row.value.empty() ? "none" : cell(row.value), cell(row.range), cell(row.help));
  }
  return out + "\n";
}

}  // namespace

std::string methods_markdown() {
  const Catalogue catalogue = make_catalogue();
  std::string out =
      "# Methods\n\n"
      "Made by `make docs` from the registry; do not edit. A recipe names an answer for each stage "
      "(`--recipe NAME`, a\n"
      "YAML file, or `A+B`, where the stages that B sets replace A's), `--set STAGE.KEY=VALUE` changes one "
      "parameter,\n"
      "`--budget` the amount. `kvcompress methods [NAME] [--json]` shows the same.\n\n"
      "## Recipes\n\n| recipe | what it does | source |\n|---|---|---|\n";
  for (const Recipe& recipe : catalogue.recipes) {
    out += fmt::format("| `{}` | {} | {} |\n", recipe.name, cell(recipe.summary), cell(recipe.source));
  }
  out += "\n";
  for (const CatalogueStage& stage : catalogue.stages) {
    out += fmt::format("## Stage {}\n\n{}\n\n", stage.name, stage.question);
    for (const CatalogueAnswer& answer : stage.answers) out += answer_section(stage, answer);
  }
  out += "## Recipes in full\n\n";
  for (const Recipe& recipe : catalogue.recipes) out += recipe_section(recipe);
  out.pop_back();  // one newline at the end
  return out;
}

}  // namespace kvcompress
