// A request while it is being served.
#pragma once

#include <chrono>    // std::chrono::steady_clock
#include <memory>    // std::unique_ptr
#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "engine/request.h"      // Request
#include "engine/sampler.h"      // Sampler
#include "engine/session.h"      // Session
#include "engine/text_stream.h"  // TextStream
#include "model/vocabulary.h"    // Vocabulary

namespace kvcompress {

class ActiveRequest {
 public:
  enum class State { reading_prompt, reading_question, generating, finished };

  // positions: how many the sequence may have. A session's unread token begins the prompt already; without a
  // prompt, the request writes on after it.
  ActiveRequest(Request request, Session session, const Vocabulary& vocabulary, int positions);

  State state() const { return state_; }
  Sequence& sequence() { return *sequence_; }
  const Request& request() const { return request_; }
  // Written last, and not read yet.
  std::optional<int32_t> unread() const;

  // The tokens of the next step: a chunk of what is being read, or the token sampled last.
  std::span<const int32_t> next_tokens(int chunk) const;
  // Whether the next step's last row needs logits, because a token is sampled from it.
  bool samples_after(int chunk) const;
  // Whether the chunk taken by the next step is the last before a compression.
  bool ends_reading(int chunk) const;

  // After a step over next_tokens(chunk); bytes: what the pool counts for the sequence now.
  void advance(size_t tokens);
  void sample(std::span<const float> logits);
  void cancel();
  // Puts more tokens behind a finished request (a chat turn) and generates again.
  void follow_up(std::vector<int32_t> tokens, int max_tokens);

  // Peak and prompt bytes are noted by the scheduler, which sees the pool.
  Receipt& receipt() { return receipt_; }
  Completion take();

 private:
  using Clock = std::chrono::steady_clock;
  std::span<const int32_t> reading() const;
  void finish(FinishReason reason);
  void note_time();

  Request request_;
  std::unique_ptr<Sequence> sequence_;
  const Vocabulary& vocabulary_;
  int positions_;
  Sampler sampler_;
  TextStream stream_;
  State state_ = State::reading_prompt;
  size_t read_ = 0;  // of the prompt or the question
  std::vector<int32_t> generated_;
  std::optional<int32_t> resumed_;  // written before this request, and the first that it reads
  int remaining_;
  Receipt receipt_;
  Clock::time_point submitted_, last_token_;
  std::vector<double> token_ms_;  // of each token but the first
};

}  // namespace kvcompress
