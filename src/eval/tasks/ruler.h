// RULER's tasks, each a generator: a context of any length with the answer's place known.
#pragma once

#include <memory>       // std::unique_ptr
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "eval/tasks/haystack.h"  // Haystack
#include "eval/tasks/samples.h"   // Random, TaskSample, TaskSettings

namespace kvcompress {

struct RulerDocument {
  std::string text, question;
  std::vector<std::string> answers;
};

// What generators draw from; each part is read when it is first asked for.
class RulerMaterial {
 public:
  explicit RulerMaterial(std::string data) : data_(std::move(data)) {}
  const Haystack& essays();
  const std::vector<std::string>& nouns();
  const std::vector<std::string>& adjectives();
  const std::vector<std::string>& all_words();  // nouns, adjectives and verbs, each once
  const std::vector<RulerDocument>& documents();

 private:
  std::vector<std::string> read_words(const std::string& file) const;

  std::string data_;
  std::unique_ptr<Haystack> essays_;
  std::vector<std::string> nouns_, adjectives_, all_words_;
  std::vector<RulerDocument> documents_;
};

struct RulerRequest {
  const TaskSettings& settings;
  const TokenCounter& count;
  RulerMaterial& material;
  int64_t index;      // of the sample
  int64_t questions;  // wanted on this context; a task with one question a context makes one
};

struct RulerTask {
  std::string_view name;
  int64_t questions;  // on one context, when the settings do not say
  int answer_room;    // tokens that the protocol lets an answer take
  TaskSample (*make)(const RulerTask& task, const RulerRequest& request);
};

// niah_single_1 .. 3, niah_multikey_1 .. 3, niah_multivalue, niah_multiquery
TaskSample make_ruler_niah(const RulerTask& task, const RulerRequest& request);
TaskSample make_ruler_vt(const RulerTask& task, const RulerRequest& request);
TaskSample make_ruler_cwe(const RulerTask& task, const RulerRequest& request);
TaskSample make_ruler_fwe(const RulerTask& task, const RulerRequest& request);
TaskSample make_ruler_qa(const RulerTask& task, const RulerRequest& request);

// One question for several strings, all of which the answer must hold.
TaskQuestion ruler_question(std::string text, std::string reference, std::vector<std::string> expected,
                            int room);

}  // namespace kvcompress
