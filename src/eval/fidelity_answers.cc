#include "eval/fidelity_answers.h"

#include <algorithm>  // std::max, std::min

#include "engine/sampler.h"  // best_token

namespace kvcompress {
namespace {

void compare(const std::vector<int32_t>& full, FidelityAnswer& answer) {
  answer.full = full;
  if (answer.along_full.divergences.empty()) answer.tokens = full;  // the full cache itself
  const size_t longer = std::max(full.size(), answer.tokens.size());
  const size_t shorter = std::min(full.size(), answer.tokens.size());
  size_t equal = 0;
  for (size_t i = 0; i < shorter; i++) equal += full[i] == answer.tokens[i] ? 1 : 0;
  answer.equal_share = longer > 0 ? static_cast<double>(equal) / static_cast<double>(longer) : 1;
}

}  // namespace

// Takes the full cache's next token and what every other cache says of it. false: the answer ends with it.
bool AnswerWriter::full_step(std::vector<Follower>& followers) {
  Follower& full = followers[0];
  const int32_t token = best_token(full.logits);
  const bool ends = engine_.vocabulary().ends_generation(token);
  scorer_.reference({&token, 1}, full.logits.data(), full.answer.along_full);
  for (size_t f = 1; f < followers.size(); f++) {
    Follower& follower = followers[f];
    scorer_.compare({&token, 1}, follower.logits.data(), follower.answer.along_full);
    if (follower.answer.first_difference >= 0) continue;
    const int32_t own = best_token(follower.logits);
    if (own == token) {
      if (!ends) follower.answer.tokens.push_back(token);
      continue;
    }
    follower.answer.first_difference = static_cast<int64_t>(full.answer.tokens.size());
    follower.own = engine_.fork(*follower.sequence);
    follower.own_logits = follower.logits;
  }
  if (!ends) full.answer.tokens.push_back(token);
  return !ends && static_cast<int64_t>(full.answer.tokens.size()) < predict_;
}

void AnswerWriter::own_token(Follower& follower) {
  const int32_t token = best_token(follower.own_logits);
  const bool full_length = static_cast<int64_t>(follower.answer.tokens.size()) >= predict_;
  follower.ended = full_length || engine_.vocabulary().ends_generation(token);
  if (!follower.ended) follower.answer.tokens.push_back(token);
}

void AnswerWriter::decode(std::vector<Follower>& followers, bool full_goes_on) {
  std::vector<Sequence*> sequences;
  std::vector<int32_t> tokens;
  std::vector<std::vector<float>*> outputs;
  const auto add = [&](Sequence& sequence, int32_t token, std::vector<float>& logits) {
    sequences.push_back(&sequence);
    tokens.push_back(token);
    outputs.push_back(&logits);
  };
  for (Follower& follower : followers) {
    if (full_goes_on) add(*follower.sequence, followers[0].answer.tokens.back(), follower.logits);
    if (follower.own && !follower.ended) {
      add(*follower.own, follower.answer.tokens.back(), follower.own_logits);
    }
  }
  if (sequences.empty()) return;
  rows_.resize(sequences.size() * vocabulary_);
  engine_.decode(sequences, tokens, rows_.data());
  for (size_t i = 0; i < outputs.size(); i++) {
    outputs[i]->assign(rows_.begin() + static_cast<ptrdiff_t>(i * vocabulary_),
                       rows_.begin() + static_cast<ptrdiff_t>((i + 1) * vocabulary_));
  }
}

// As far as they are equal, the forced answer is the free one, so nothing is computed twice.
void AnswerWriter::write(std::vector<Follower>& followers) {
  bool full_goes_on = true, any_own = true;
  while (full_goes_on || any_own) {
    if (full_goes_on) full_goes_on = full_step(followers);
    any_own = false;
    for (Follower& follower : followers) {
      if (follower.own && !follower.ended) own_token(follower);
      any_own = any_own || (follower.own && !follower.ended);
    }
    decode(followers, full_goes_on);
  }
  for (Follower& follower : followers) compare(followers[0].answer.tokens, follower.answer);
}

}  // namespace kvcompress
