// Every answer to every stage that this build knows. An answer is one file, src/policy/STAGE/NAME.cc, that
// ends in
//
//   KVC_ANSWER(STAGE, NAME, Type, "one line: what it does", "paper or code it is from")
//
// inside namespace kvcompress. Nothing else lists it: the build collects the files, and parsing, help, JSON
// and docs/methods.md all read this registry.
#pragma once

#include <functional>   // std::function
#include <memory>       // std::unique_ptr
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "policy/answer.h"  // Answer

namespace kvcompress {

// weight, select and refit are questions inside the stage `score`, layers and heads inside `budget`.
enum class Stage { propagate, score, weight, select, refit, layers, heads, store, schedule, route };

struct StageInfo {
  Stage stage;
  std::string_view name;            // as in recipes: "score", "budget.layers"
  std::string_view question;        // for the documents
  std::string_view default_answer;  // does nothing
};
// In the order in which a token meets them.
const std::vector<StageInfo>& all_stages();
const StageInfo& stage_info(Stage stage);

struct AnswerInfo {
  Stage stage;
  std::string name, summary, source;
  std::function<std::unique_ptr<Answer>()> make;  // with default parameters
};

class Registry {
 public:
  // Throws Error when the stage has an answer of that name already.
  void add(AnswerInfo info);
  // null when there is none.
  const AnswerInfo* find(Stage stage, std::string_view name) const;
  std::vector<std::string> names(Stage stage) const;  // sorted
  const std::vector<AnswerInfo>& answers() const { return answers_; }

 private:
  std::vector<AnswerInfo> answers_;
};

const Registry& registry();
// Written by the build from the files it found.
void register_all_answers(Registry& registry);

}  // namespace kvcompress

#define KVC_ANSWER(stage, name, Type, summary, source)                                    \
  void register_##stage##_##name(Registry& registry);                                     \
  void register_##stage##_##name(Registry& registry) {                                    \
    registry.add({Stage::stage, #name, summary, source,                                   \
                  []() -> std::unique_ptr<Answer> { return std::make_unique<Type>(); }}); \
  }
