#include "policy/registry.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // Error

#include <algorithm>  // std::find_if, std::sort

namespace kvcompress {

const std::vector<StageInfo>& all_stages() {
  static const std::vector<StageInfo> stages = {
      {Stage::propagate, "propagate", "Which tokens' hidden states go on to deeper layers?", "all"},
      {Stage::score, "score", "What is each cached token worth to each KV head?", "none"},
      {Stage::weight, "score.weight", "How do the values change what a token is worth?", "none"},
      {Stage::select, "score.select", "Which tokens are kept together, or whatever the rest scores?", "best"},
      {Stage::refit, "score.refit", "How does what is kept answer for what is gone?", "none"},
      {Stage::layers, "budget.layers", "How is the budget shared among the layers?", "uniform"},
      {Stage::heads, "budget.heads", "How is a layer's budget shared among its KV heads?", "equal"},
      {Stage::store, "store", "In what form are the kept tokens held?", "f16"},
      {Stage::schedule, "schedule", "At each decoded token: what is read, evicted, demoted, fetched?",
       "none"},
      {Stage::route, "route", "In which shard does a token live, which shards does a query read?", "none"},
  };
  return stages;
}

const StageInfo& stage_info(Stage stage) { return all_stages()[static_cast<size_t>(stage)]; }

void Registry::add(AnswerInfo info) {
  if (find(info.stage, info.name) != nullptr) {
    throw Error(fmt::format("[registry] expected one answer named {}.{}, got two; rename one of the files",
                            stage_info(info.stage).name, info.name));
  }
  answers_.push_back(std::move(info));
}

const AnswerInfo* Registry::find(Stage stage, std::string_view name) const {
  const auto found = std::find_if(answers_.begin(), answers_.end(), [&](const AnswerInfo& answer) {
    return answer.stage == stage && answer.name == name;
  });
  return found == answers_.end() ? nullptr : &*found;
}

std::vector<std::string> Registry::names(Stage stage) const {
  std::vector<std::string> names;
  for (const AnswerInfo& answer : answers_) {
    if (answer.stage == stage) names.push_back(answer.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

const Registry& registry() {
  static const Registry all = [] {
    Registry filled;
    register_all_answers(filled);
    return filled;
  }();
  return all;
}

}  // namespace kvcompress
