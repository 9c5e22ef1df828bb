#include "eval/question_asker.h"

#include <algorithm>  // std::max
#include <limits>     // std::numeric_limits

#include "base/timer.h"      // Timer
#include "engine/sampler.h"  // best_token

namespace kvcompress {
namespace {

// One answer being written.
struct Writing {
  Sequence* sequence;
  const TaskQuestion* question;
  QuestionResult* result;
  std::vector<int32_t> tokens;

  // false: the answer is complete without the token or with it.
  bool add(int32_t token, const Engine& engine) {
    if (engine.vocabulary().ends_generation(token)) return false;
    tokens.push_back(token);
    result->answer = engine.vocabulary().text(tokens);
    result->answer_tokens = static_cast<int64_t>(tokens.size());
    const size_t end = question->until.empty() ? std::string::npos : result->answer.find(question->until);
    if (end != std::string::npos) result->answer.resize(end);
    return end == std::string::npos && static_cast<int>(tokens.size()) < question->max_tokens &&
           sequence->cache.next_position < engine.context();
  }
};

}  // namespace

QuestionAsker::QuestionAsker(Engine& engine)
    : engine_(engine),
      scorer_(engine.threads(), engine.config().vocabulary),
      vocabulary_(static_cast<size_t>(engine.config().vocabulary)) {}

std::vector<float> QuestionAsker::read(Sequence& sequence, std::span<const int32_t> tokens) {
  const auto chunk = static_cast<size_t>(engine_.options().chunk);
  const size_t before = (tokens.size() - 1) / chunk * chunk;
  // Only the last chunk's logits are computed at all.
  if (before > 0) engine_.read(sequence, tokens.first(before), /*last=*/false);
  std::vector<float> logits;
  const auto last = static_cast<int>(tokens.size() - before) - 1;
  engine_.read(sequence, tokens.subspan(before), /*last=*/true, [&](int index, std::span<const float> row) {
    if (index == last) logits.assign(row.begin(), row.end());
  });
  return logits;
}

ScoreSums QuestionAsker::continuation(const PendingQuestion& pending, std::span<const int32_t> tokens) {
  ScoreSums sums;
  scorer_.reference(tokens.first(1), pending.logits.data(), sums);
  if (tokens.size() == 1) return sums;
  const auto sequence = engine_.fork(*pending.sequence);
  engine_.read(*sequence, tokens.first(tokens.size() - 1), /*last=*/false,
               [&](int index, std::span<const float> row) {
                 scorer_.reference(tokens.subspan(static_cast<size_t>(index) + 1, 1), row.data(), sums);
               });
  return sums;
}

QuestionResult QuestionAsker::measure(const PendingQuestion& pending, const QuestionTokens& tokens) {
  QuestionResult result;
  const ScoreSums reference = continuation(pending, tokens.reference);
  result.log_probability = -reference.negative_log_likelihood;
  result.tokens = reference.tokens;
  result.exact = reference.correct == reference.tokens;
  if (tokens.right_label < 0 || tokens.labels.size() < 2) return result;
  double right = 0, other = -std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < tokens.labels.size(); i++) {
    const double log_probability = -continuation(pending, tokens.labels[i]).negative_log_likelihood;
    if (static_cast<int64_t>(i) == tokens.right_label) {
      right = log_probability;
    } else {
      other = std::max(other, log_probability);
    }
  }
  result.label_margin = right - other;
  result.label_right = right > other ? 1 : 0;
  return result;
}

void QuestionAsker::answer(std::span<PendingQuestion> pending, std::span<const TaskQuestion> questions,
                           std::span<QuestionResult> results) {
  std::vector<Writing> writing;
  for (size_t i = 0; i < pending.size(); i++) {
    const TaskQuestion& question = questions[pending[i].index];
    if (question.expected.empty()) continue;
    Writing next{pending[i].sequence.get(), &question, &results[i], {}};
    if (next.add(best_token(pending[i].logits), engine_)) writing.push_back(std::move(next));
  }
  std::vector<float> logits(writing.size() * vocabulary_);
  while (!writing.empty()) {
    std::vector<Sequence*> sequences;
    std::vector<int32_t> tokens;
    for (const Writing& one : writing) {
      sequences.push_back(one.sequence);
      tokens.push_back(one.tokens.back());
    }
    const Timer timer;
    engine_.decode(sequences, tokens, logits.data());
    decode_s += timer.seconds();
    decoded_tokens += static_cast<int64_t>(tokens.size());
    std::vector<Writing> unfinished;
    for (size_t i = 0; i < writing.size(); i++) {
      const std::span<const float> row(logits.data() + i * vocabulary_, vocabulary_);
      if (writing[i].add(best_token(row), engine_)) unfinished.push_back(std::move(writing[i]));
    }
    writing = std::move(unfinished);
  }
  for (size_t i = 0; i < pending.size(); i++) {
    results[i].score = score_answer(questions[pending[i].index], results[i].answer);
  }
}

}  // namespace kvcompress
