#include "eval/compare/suite.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::find

#include "base/file.h"                 // read_file
#include "base/nearest_name.h"         // nearest_name
#include "eval/compare/suite_parts.h"  // read_suite_models

namespace kvcompress {
namespace {

YamlNode parse_as_suite(const std::string& text, const std::string& origin) {
  try {
    return parse_yaml(text, origin);
  } catch (const UsageError& error) {
    // The YAML reader speaks of recipes.
    const std::string message = error.what();
    constexpr std::string_view kRecipe = "[recipe ";
    throw UsageError(message.starts_with(kRecipe) ? "[suite " + message.substr(kRecipe.size()) : message);
  }
}

void check_every_task_has_a_model(const Suite& suite, Problems& problems) {
  for (const SuiteTask& task : suite.tasks) {
    const auto asks = [&](const SuiteModel& model) {
      return listed_or_all(task.models, model.name) && listed_or_all(model.tasks, task.label);
    };
    if (suite.models.empty() || std::any_of(suite.models.begin(), suite.models.end(), asks)) continue;
    problems.add(task.line,
                 fmt::format("expected a model that does the task '{}', got none; name it in the tasks "
                             "of a model, or remove it",
                             task.label));
  }
}

}  // namespace

bool listed_or_all(const std::vector<std::string>& names, const std::string& name) {
  return names.empty() || std::find(names.begin(), names.end(), name) != names.end();
}

std::vector<const YamlNode*> suite_items(SuiteNode& root, const std::string& key) {
  const YamlNode* list = root.node(key);
  std::vector<const YamlNode*> items;
  if (list == nullptr || list->kind != YamlNode::Kind::list || list->items.empty()) {
    root.problems().add(root.line_of(key),
                        fmt::format("expected a list of {}, got none; write {}: and a line "
                                    "\"- ...\" for each",
                                    key, key));
    return items;
  }
  for (const YamlNode& item : list->items) items.push_back(&item);
  return items;
}

void check_names(SuiteNode& node, const std::string& key, const std::vector<std::string>& names,
                 const std::vector<std::string>& known) {
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    node.problems().add(node.line_of(key),
                        fmt::format("expected {} of this suite, got '{}'; the nearest is '{}'", key, name,
                                    nearest_name(name, known)));
  }
}

Suite parse_suite(const std::string& text, const std::string& origin, const SuiteFolders& folders) {
  const YamlNode tree = parse_as_suite(text, origin);
  Problems problems(origin);
  SuiteNode root(tree, "a suite", problems);
  Suite suite;
  suite.origin = origin;
  suite.name = root.required("name");
  suite.summary = root.text("summary").value_or("");
  suite.axis = root.choice("axis", {"bytes", "nominal"}).value_or("bytes") == "nominal" ? BudgetAxis::nominal
                                                                                        : BudgetAxis::bytes;
  suite.visible = root.choice("question", {"hidden", "visible"}).value_or("hidden") == "visible";
  suite.chat = root.choice("chat", {"true", "false"}).value_or("false") == "true";
  suite.prefill = root.choice("prefill", {"exact", "bounded"}).value_or("exact") == "bounded"
                      ? PrefillMode::bounded
                      : PrefillMode::exact;
  read_suite_models(root, folders, suite);
  read_suite_tasks(root, folders, suite);
  read_suite_recipes(root, suite);
  root.finish();
  check_every_task_has_a_model(suite, problems);
  problems.check();
  return suite;
}

Suite read_suite(const std::string& path, const SuiteFolders& folders) {
  return parse_suite(read_file(path, kMaxRecipeBytes), path, folders);
}

}  // namespace kvcompress
