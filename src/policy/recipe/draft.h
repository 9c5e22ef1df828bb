// A recipe under construction: sources are applied one after the other, then the whole is checked.
#pragma once

#include <map>     // std::map
#include <memory>  // std::shared_ptr
#include <string>  // std::string
#include <vector>  // std::vector

#include "policy/recipe.h"           // Recipe
#include "policy/recipe/settings.h"  // StageSettings
#include "policy/registry.h"         // Stage

namespace kvcompress {

class RecipeDraft {
 public:
  RecipeDraft();  // nothing is compressed

  void apply(const StageSettings& settings);
  // Throws UsageError naming two settings that cannot work together, and where each was written.
  Recipe finish(const std::string& name) const;

 private:
  struct Choice {
    std::string kind;
    std::shared_ptr<Answer> answer;
  };

  void choose(Stage stage, const std::string& kind);
  void apply_answer(Stage stage, const Setting* kind, const std::vector<Setting>& parameters, bool replaces);
  void apply_score(const StageSettings& settings);
  void apply_budget(const StageSettings& settings);
  // Takes the settings of questions inside a stage out of its parameters and applies them.
  void apply_questions(const std::vector<Stage>& questions, bool replaces, std::vector<Setting>& parameters);
  void apply_budget_parameters(const std::vector<Setting>& parameters, bool replaces);
  void check_pairs(const Recipe& recipe) const;
  // Of what is settled once, at the prompt's end: a refit, and the tokens that a store guards.
  void check_settled_once(const Recipe& recipe) const;
  // "score.window (recipe my.yaml:4)"; the key alone when it has its default.
  std::string place(const std::string& key) const;

  std::map<Stage, Choice> choices_;
  BudgetSettings budget_;
  std::map<std::string, std::string> origins_;  // "budget.recent" -> where it was last set
};

}  // namespace kvcompress
