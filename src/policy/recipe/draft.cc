#include "policy/recipe/draft.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::count_if
#include <array>      // std::array

#include "policy/messages.h"  // name_advice, in_quotes

namespace kvcompress {
namespace {

using Unit = BudgetSettings::Unit;

constexpr std::array<std::string_view, 3> kAmounts = {"tokens", "keep", "bytes"};

bool is_amount(const Setting& setting) {
  return std::find(kAmounts.begin(), kAmounts.end(), setting.key) != kAmounts.end();
}

Stage stage_of(const std::string& name) {
  for (const StageInfo& info : all_stages()) {
    if (info.name == name) return info.stage;
  }
  throw UsageError(fmt::format("[recipe] expected a stage, got {}; {}", in_quotes(name),
                               name_advice(name, recipe_stage_names())));
}

// Moves the settings of one question inside a stage out: of "budget.layers", "layers" becomes its kind,
// "layers.beta" its parameter.
std::vector<Setting> take_question(const std::string& name, std::vector<Setting>& parameters) {
  const std::string question = name.substr(name.find('.') + 1);
  std::vector<Setting> taken;
  std::erase_if(parameters, [&](const Setting& setting) {
    const bool whole = setting.key == question;
    if (!whole && !setting.key.starts_with(question + ".")) return false;
    taken.push_back(setting);
    taken.back().stage = name;
    taken.back().key = whole ? "kind" : setting.key.substr(question.size() + 1);
    return true;
  });
  return taken;
}

}  // namespace

RecipeDraft::RecipeDraft() {
  for (const StageInfo& info : all_stages()) choose(info.stage, std::string(info.default_answer));
}

void RecipeDraft::choose(Stage stage, const std::string& kind) {
  choices_[stage] = {kind, registry().find(stage, kind)->make()};
}

void RecipeDraft::apply(const StageSettings& settings) {
  if (settings.stage == "budget") {
    apply_budget(settings);
  } else if (settings.stage == "score") {
    apply_score(settings);
  } else {
    apply_answer(stage_of(settings.stage), settings.kind ? &*settings.kind : nullptr, settings.parameters,
                 settings.replaces);
  }
}

void RecipeDraft::apply_answer(Stage stage, const Setting* kind, const std::vector<Setting>& parameters,
                               bool replaces) {
  const std::string stage_name(stage_info(stage).name);
  if (replaces)
    std::erase_if(origins_, [&](const auto& entry) { return entry.first.starts_with(stage_name + "."); });
  if (kind != nullptr) {
    const std::string& name = kind->items.front();
    if (registry().find(stage, name) == nullptr) {
      throw UsageError(fmt::format("[{}] {}: expected a known answer, got {}; {}", kind->origin, stage_name,
                                   in_quotes(name), name_advice(name, registry().names(stage))));
    }
    if (replaces || name != choices_[stage].kind) choose(stage, name);
    origins_[stage_name] = kind->origin;
  }
  Answer& answer = *choices_[stage].answer;
  ParameterReader reader(parameters);
  answer.visit(reader);
  reader.finish(stage == Stage::score ? std::vector<std::string>{"weight", "select", "refit"}
                                      : std::vector<std::string>{});
  for (const Setting& setting : parameters) origins_[stage_name + "." + setting.key] = setting.origin;
  if (const std::string problem = answer.problem(); !problem.empty()) {
    const std::string key = problem.substr(0, problem.find(':'));
    const auto origin = origins_.find(stage_name + "." + key);
    throw UsageError(
        fmt::format("[{}] {}.{}", origin == origins_.end() ? "recipe" : origin->second, stage_name, problem));
  }
}

void RecipeDraft::apply_questions(const std::vector<Stage>& questions, bool replaces,
                                  std::vector<Setting>& parameters) {
  for (const Stage stage : questions) {
    const std::string name(stage_info(stage).name);
    if (replaces) choose(stage, std::string(stage_info(stage).default_answer));
    std::vector<Setting> inner = take_question(name, parameters);
    std::optional<Setting> kind;
    std::erase_if(inner, [&](const Setting& setting) {
      if (setting.key != "kind") return false;
      if (setting.list) throw_setting_error(setting, "the name of an answer", "give one name");
      kind = setting;
      return true;
    });
    apply_answer(stage, kind ? &*kind : nullptr, inner, false);
  }
}

void RecipeDraft::apply_score(const StageSettings& settings) {
  std::vector<Setting> parameters = settings.parameters;
  apply_questions({Stage::weight, Stage::select, Stage::refit}, settings.replaces, parameters);
  apply_answer(Stage::score, settings.kind ? &*settings.kind : nullptr, parameters, settings.replaces);
}

void RecipeDraft::apply_budget(const StageSettings& settings) {
  if (settings.replaces) {
    std::erase_if(origins_, [](const auto& entry) { return entry.first.starts_with("budget."); });
    budget_ = BudgetSettings{};
    choose(Stage::layers, std::string(stage_info(Stage::layers).default_answer));
    choose(Stage::heads, std::string(stage_info(Stage::heads).default_answer));
  }
  std::vector<Setting> parameters = settings.parameters;
  if (settings.kind) {
    if (settings.kind->items.front() == "none") {
      budget_ = BudgetSettings{};
    } else {
      parameters.push_back(read_amount(settings.kind->items.front(), settings.kind->origin));
    }
  }
  apply_questions({Stage::layers, Stage::heads}, false, parameters);
  apply_budget_parameters(parameters, settings.replaces);
}

void RecipeDraft::apply_budget_parameters(const std::vector<Setting>& parameters, bool replaces) {
  const auto amount = std::find_if(parameters.begin(), parameters.end(), is_amount);
  if (amount != parameters.end()) {
    const auto second = std::find_if(amount + 1, parameters.end(), is_amount);
    if (second != parameters.end()) {
      throw UsageError(fmt::format("[{}] budget.{} and budget.{}: expected one amount, got two; remove one",
                                   second->origin, amount->key, second->key));
    }
    const Unit unit = amount->key == "tokens" ? Unit::tokens
                      : amount->key == "keep" ? Unit::share
                                              : Unit::bytes;
    // Another amount takes the place of the recipe's, and with it of what only a share means.
    if (!replaces && unit != Unit::share)
      budget_.of = BudgetSettings{}.of, budget_.rounding = BudgetSettings{}.rounding;
    budget_.tokens = 0, budget_.share = 0, budget_.bytes = 0;
    budget_.unit = unit;
    for (const std::string_view key : kAmounts) origins_.erase(fmt::format("budget.{}", key));
  }
  ParameterReader reader(parameters);
  budget_.visit(reader);
  reader.finish({"layers", "heads"});
  for (const Setting& setting : parameters) origins_["budget." + setting.key] = setting.origin;
}

std::string RecipeDraft::place(const std::string& key) const {
  const auto origin = origins_.find(key);
  return origin == origins_.end() ? key : fmt::format("{} ({})", key, origin->second);
}

void RecipeDraft::check_pairs(const Recipe& recipe) const {
  const auto clash = [&](const std::string& first, const std::string& second, const std::string& advice) {
    throw UsageError(fmt::format("[recipe {}] {} and {} cannot work together; {}", in_quotes(recipe.name),
                                 first, second, advice));
  };
  const BudgetSettings& budget = recipe.budget;
  if (recipe.evicts() && !recipe.score) {
    clash(place("score") + " none", "a budget",
          "expected an answer that ranks tokens; set score.kind, or budget none");
  }
  if (!recipe.evicts() && recipe.score) {
    clash(fmt::format("{} {}", place("score"), recipe.score_kind), place("budget") + " none",
          "expected an amount to rank for; give --budget, or budget.tokens, budget.keep or budget.bytes");
  }
  const int64_t forced = budget.sinks + budget.recent;
  if (budget.unit == Unit::tokens && forced > budget.tokens) {
    clash(fmt::format("{} {}", place("budget.tokens"), budget.tokens),
          fmt::format("{} {} + {} {}", place("budget.sinks"), budget.sinks, place("budget.recent"),
                      budget.recent),
          fmt::format("expected tokens >= {}; raise the budget or lower sinks or recent", forced));
  }
  if (budget.unit != Unit::share && (budget.of != "seen" || budget.rounding != "down")) {
    clash("budget.of or budget.rounding", recipe.evicts() ? "an amount that is not a share" : "no amount",
          "expected budget.keep; remove them or give a share");
  }
  if (recipe.score && recipe.score->prefill_only() && recipe.evicts() && budget.hold) {
    clash(fmt::format("{} {}", place("score"), recipe.score_kind), place("budget.decode") + " hold",
          "expected decode grow, because nothing scores decoded tokens; set budget.decode=grow");
  }
  if (budget.rolling && (recipe.score_kind != "recency" || budget.sinks < 1)) {
    clash(place("budget.positions") + " rolling",
          fmt::format("{} {} with {} sinks", place("score"), recipe.score_kind, budget.sinks),
          "expected score recency and at least one sink, so that what is kept is sinks and one run of recent "
          "tokens; set score.kind=recency and budget.sinks=4");
  }
  if (budget.rolling && recipe.store && recipe.store->sinks() < budget.sinks) {
    clash(place("budget.positions") + " rolling",
          fmt::format("{} {} of {} sinks", place("store.sinks"), recipe.store->sinks(), budget.sinks),
          fmt::format("expected the sinks in f16, because their keys are turned; set store.sinks={}",
                      budget.sinks));
  }
  if (budget.unit == Unit::bytes && budget.trigger > 0) {
    clash(fmt::format("{} {}", place("budget.bytes"), budget.bytes),
          fmt::format("{} {}", place("budget.trigger"), budget.trigger),
          "expected bytes to hold at every moment; set budget.trigger=0 or give the amount in tokens");
  }
  const int window =
      recipe.score && recipe.score->keeps_window() ? recipe.score->needs().attention_window : 0;
  if (window > budget.recent) {
    clash(fmt::format("{} {}", place("score.window"), window),
          fmt::format("{} {}", place("budget.recent"), budget.recent),
          fmt::format(
              "expected recent >= window, because the window's own tokens are kept; set budget.recent={} or "
              "lower score.window",
              window));
  }
}

void RecipeDraft::check_settled_once(const Recipe& recipe) const {
  const auto clash = [&](const std::string& first, const std::string& second, const std::string& advice) {
    throw UsageError(fmt::format("[recipe {}] {} and {} cannot work together; {}", in_quotes(recipe.name),
                                 first, second, advice));
  };
  const std::string refit = fmt::format("{} {}", place("score.refit"), recipe.refit_kind);
  const bool guarded = recipe.store && recipe.store->guards() > 0;
  const std::string guards =
      guarded ? fmt::format("{} {}", place("store.guards"), recipe.store->guards()) : "";
  if (recipe.refit && !recipe.evicts()) {
    clash(refit, place("budget") + " none",
          "expected an amount, because nothing is gone that had to be answered for; set budget.keep=25%");
  }
  if (recipe.refit && recipe.budget.hold) {
    clash(refit, place("budget.decode") + " hold",
          "expected decode grow, because only what is gone at the prompt's end is answered for; set "
          "budget.decode=grow");
  }
  if (recipe.refit && recipe.budget.rolling) {
    clash(refit, place("budget.positions") + " rolling",
          "expected positions original, because keys are fitted where they were read; set "
          "budget.positions=original");
  }
  if (recipe.refit && recipe.store && recipe.store->projection_fit() != nullptr) {
    clash(refit, fmt::format("{} {}", place("store"), recipe.store_kind),
          "expected a store that is not fitted to the head, because its tokens change with the refit; set "
          "store.kind=scalar");
  }
  if (guarded && !recipe.evicts()) {
    clash(guards, place("budget") + " none",
          "expected scores to choose them by; set score.kind and an amount, as budget.keep=100%");
  }
  if (guarded && recipe.budget.hold) {
    clash(guards, place("budget.decode") + " hold",
          "expected decode grow, because they are chosen once and never evicted; set budget.decode=grow");
  }
}

Recipe RecipeDraft::finish(const std::string& name) const {
  Recipe recipe;
  recipe.name = name;
  recipe.propagate = choices_.at(Stage::propagate).kind;
  recipe.score_kind = choices_.at(Stage::score).kind;
  recipe.score = std::dynamic_pointer_cast<const ScorePolicy>(choices_.at(Stage::score).answer);
  recipe.weight_kind = choices_.at(Stage::weight).kind;
  recipe.weight = std::dynamic_pointer_cast<const WeightPolicy>(choices_.at(Stage::weight).answer);
  recipe.select_kind = choices_.at(Stage::select).kind;
  recipe.select = std::dynamic_pointer_cast<const SelectPolicy>(choices_.at(Stage::select).answer);
  recipe.refit_kind = choices_.at(Stage::refit).kind;
  recipe.refit = std::dynamic_pointer_cast<const RefitPolicy>(choices_.at(Stage::refit).answer);
  recipe.budget = budget_;
  recipe.budget.layers = choices_.at(Stage::layers).kind;
  recipe.budget.heads = choices_.at(Stage::heads).kind;
  recipe.budget.layer_shares =
      std::dynamic_pointer_cast<const LayerShares>(choices_.at(Stage::layers).answer);
  recipe.budget.head_shares = std::dynamic_pointer_cast<const HeadShares>(choices_.at(Stage::heads).answer);
  const bool limits = recipe.budget.layer_shares->has_limits() || recipe.budget.head_shares->has_limits();
  if (limits && recipe.budget.unit == Unit::none) recipe.budget.unit = Unit::rule;
  recipe.store_kind = choices_.at(Stage::store).kind;
  recipe.store = std::dynamic_pointer_cast<const StorePolicy>(choices_.at(Stage::store).answer);
  recipe.schedule = choices_.at(Stage::schedule).kind;
  recipe.route = choices_.at(Stage::route).kind;
  check_pairs(recipe);
  check_settled_once(recipe);
  return recipe;
}

}  // namespace kvcompress
