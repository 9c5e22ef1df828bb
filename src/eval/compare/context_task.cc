// Results of the tasks with questions.
#include <algorithm>          // std::any_of
#include <cmath>              // std::isnan
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/compare/context_result.h"
#include "eval/compare/stored_parts.h"  // number, accumulate
#include "eval/task_report.h"           // task_row

namespace kvcompress {
namespace {

Json stored(const QuestionResult& question) {
  return {{"score", number(question.score)},
          {"log_probability", question.log_probability},
          {"tokens", question.tokens},
          {"exact", question.exact},
          {"label_right", number(question.label_right)},
          {"label_margin", number(question.label_margin)},
          {"answer", question.answer},
          {"answer_tokens", question.answer_tokens}};
}

QuestionResult question_of(const Json& json) {
  QuestionResult question;
  question.score = number(json.at("score"));
  question.log_probability = json.at("log_probability");
  question.tokens = json.at("tokens");
  question.exact = json.at("exact");
  question.label_right = number(json.at("label_right"));
  question.label_margin = number(json.at("label_margin"));
  question.answer = json.at("answer");
  question.answer_tokens = json.at("answer_tokens");
  return question;
}

void add_context(TaskResult& sum, const Json& context, double weight) {
  const auto sample = sum.samples++;
  for (const Json& asked : context.at("asked")) {
    sum.asked.push_back({asked.at("id"), sample, asked.at("depth_percent")});
  }
  for (const Json& question : context.at("questions")) sum.questions.push_back(question_of(question));
  for (const Json& question : context.at("full")) sum.full.push_back(question_of(question));
  accumulate(sum.cache, cache_of(context.at("cache")), weight);
  accumulate(sum.kept.heads, context.at("kept_heads").get<Shares>(), weight);
  accumulate(sum.kept.positions, context.at("kept_positions").get<std::vector<double>>(), weight);
  sum.time.ttft_ms += weight * context.at("ttft_ms").get<double>();
  sum.time.compress_ms += weight * context.at("compress_ms").get<double>();
  sum.time.tokens_per_second += weight * context.at("tokens_per_second").get<double>();
}

// One array for each figure that a question has.
Json per_question(const TaskResult& result) {
  Json arrays;
  arrays["id"] = Json::array();
  for (const AskedQuestion& asked : result.asked) arrays["id"].push_back(asked.id);
  const auto add = [&](const char* name, const auto& figure) {
    const auto& all = result.questions;
    if (std::all_of(all.begin(), all.end(), [&](const auto& q) { return std::isnan(figure(q)); })) return;
    for (const QuestionResult& question : all) arrays[name].push_back(number(figure(question)));
  };
  add("score", [](const QuestionResult& q) { return q.score; });
  add("log_probability", [](const QuestionResult& q) { return q.per_token(); });
  add("accuracy", [](const QuestionResult& q) { return q.label_right; });
  return arrays;
}

}  // namespace

Json stored(const TaskResult& result) {
  Json json;
  json["asked"] = json["questions"] = json["full"] = Json::array();
  for (const AskedQuestion& asked : result.asked) {
    json["asked"].push_back({{"id", asked.id}, {"depth_percent", asked.depth_percent}});
  }
  for (const QuestionResult& question : result.questions) json["questions"].push_back(stored(question));
  for (const QuestionResult& question : result.full) json["full"].push_back(stored(question));
  json["cache"] = stored_cache(result.cache);
  json["kept_heads"] = result.kept.heads;
  json["kept_positions"] = result.kept.positions;
  json["ttft_ms"] = result.time.ttft_ms;
  json["compress_ms"] = result.time.compress_ms;
  json["tokens_per_second"] = result.time.tokens_per_second;
  return json;
}

Json task_figures(const std::vector<Json>& contexts, const EvaluatedRecipe& evaluated) {
  TaskResult sum;
  sum.evaluated = evaluated;
  for (const Json& context : contexts) add_context(sum, context, 1.0 / static_cast<double>(contexts.size()));
  Json figures = task_row(sum);
  figures["per_question"] = per_question(sum);
  figures["kept"] = {{"heads", sum.kept.heads}, {"positions", sum.kept.positions}};
  return figures;
}

}  // namespace kvcompress
