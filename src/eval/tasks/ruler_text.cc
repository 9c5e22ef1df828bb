// RULER's chain of variables (vt) and a stand-in for its questions over documents (qa).
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::sort
#include <set>        // std::set

#include "eval/tasks/ruler.h"
#include "eval/tasks/wording.h"  // kNoise

namespace kvcompress {
namespace {

constexpr int kVariables = 5;  // one chain of four hops
constexpr std::string_view kDocumentsOnly =
    "Answer the question based on the given documents. Only give me the answer and do not output any other "
    "words.";

std::string variable(Random& random) {
  std::string name;
  for (int i = 0; i < kVariables; i++) name += static_cast<char>('A' + random.below(26));
  return name;
}

TaskSample variable_chain(const RulerTask& task, int64_t lines, Random random) {
  std::vector<std::string> names;
  for (std::set<std::string> used; names.size() < kVariables;) {
    const std::string name = variable(random);
    if (used.insert(name).second) names.push_back(name);
  }
  const auto value = std::to_string(10000 + random.below(90000));
  std::vector<double> depths;
  for (int i = 0; i < kVariables; i++) depths.push_back(random.uniform());
  std::sort(depths.begin(), depths.end());
  TaskSample sample;
  sample.context = "Memorize and track the chain(s) of variable assignment hidden in the following text.\n";
  size_t next = 0;
  for (int64_t line = 0; line <= lines; line++) {
    for (; next < names.size() &&
           (line == lines || depths[next] * static_cast<double>(lines) < static_cast<double>(line + 1));
         next++) {
      sample.context += next == 0 ? fmt::format("\nVAR {} = {}", names[0], value)
                                  : fmt::format("\nVAR {} = VAR {} ", names[next], names[next - 1]);
    }
    if (line < lines) sample.context += fmt::format("\n{}", kNoise);
  }
  sample.questions = {ruler_question(fmt::format("\nQuestion: Find all variables that are assigned the value "
                                                 "{0} in the text above. Answer: According "
                                                 "to the chain(s) of variable assignment in the text above, "
                                                 "{1} variables are assigned the value {0}, "
                                                 "they are:",
                                                 value, kVariables),
                                     fmt::format(" {}", fmt::join(names, " ")), names, task.answer_room)};
  return sample;
}

std::string documents_text(const std::vector<const RulerDocument*>& documents) {
  std::string text = fmt::format("{}\n\nThe following are given documents.", kDocumentsOnly);
  for (size_t i = 0; i < documents.size(); i++)
    text += fmt::format("\n\nDocument {}:\n{}", i + 1, documents[i]->text);
  return text;
}

TaskSample ask_documents(const RulerTask& task, const std::vector<const RulerDocument*>& documents,
                         int64_t questions) {
  TaskSample sample;
  sample.context = documents_text(documents);
  for (const int64_t index : even_spacing(questions, static_cast<int64_t>(documents.size()))) {
    const RulerDocument& document = *documents[static_cast<size_t>(index)];
    TaskQuestion question =
        ruler_question(fmt::format("\n\n{}\n\nQuestion: {} Answer:", kDocumentsOnly, document.question),
                       " " + document.answers[0], document.answers, task.answer_room);
    question.any = true;
    const size_t at = sample.context.find(document.text);
    question.depth_percent = 100.0 * static_cast<double>(at) / static_cast<double>(sample.context.size());
    sample.questions.push_back(std::move(question));
  }
  return sample;
}

}  // namespace

TaskQuestion ruler_question(std::string text, std::string reference, std::vector<std::string> expected,
                            int room) {
  TaskQuestion question;
  question.text = std::move(text);
  question.reference = std::move(reference);
  question.expected = std::move(expected);
  question.max_tokens = room;
  return question;
}

TaskSample make_ruler_vt(const RulerTask& task, const RulerRequest& request) {
  const Random random = sample_random(request.settings.seed, task.name, request.index);
  return fit_sample(task.name, 1, int64_t{1} << 32, Supply::kEndless, request.settings.length, request.count,
                    [&](int64_t lines) { return variable_chain(task, lines, random); });
}

// Documents in random order, as long as they fit; one that does not fit is passed over for a shorter one.
TaskSample make_ruler_qa(const RulerTask& task, const RulerRequest& request) {
  const auto& all = request.material.documents();
  Random random = sample_random(request.settings.seed, task.name, request.index);
  const auto order = draw(static_cast<int64_t>(all.size()), static_cast<int64_t>(all.size()), random);
  const auto tokens = [&](const std::vector<const RulerDocument*>& documents) {
    return sample_tokens(ask_documents(task, documents, request.questions), request.count);
  };
  std::vector<const RulerDocument*> chosen;
  int passed_over = 0;
  int64_t estimate = 0;  // of the sample; counted anew for each document that is taken
  for (const int64_t index : order) {
    const RulerDocument* document = &all[static_cast<size_t>(index)];
    if (!chosen.empty() && estimate + request.count(document->text) > request.settings.length) {
      if (++passed_over == 64) break;
      continue;
    }
    chosen.push_back(document);
    const int64_t now = tokens(chosen);
    if (now <= request.settings.length) {
      estimate = now;
    } else {
      chosen.pop_back();
      if (++passed_over == 64) break;
    }
  }
  if (chosen.empty()) {
    throw UsageError(fmt::format("[--length] expected room for a document of {} (some 250 tokens), got {}",
                                 task.name, request.settings.length));
  }
  if (passed_over < 64 && estimate < request.settings.length * 95 / 100) {
    throw_data_end(task.name, estimate, request.settings.length);
  }
  return ask_documents(task, chosen, request.questions);
}

}  // namespace kvcompress
