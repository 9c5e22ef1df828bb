#include "engine/active_request.h"

#include <algorithm>  // std::min
#include <utility>    // std::move

#include "base/statistics.h"  // percentile

namespace kvcompress {

namespace {

double milliseconds(std::chrono::steady_clock::duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

}  // namespace

ActiveRequest::ActiveRequest(Request request, Session session, const Vocabulary& vocabulary, int positions)
    : request_(std::move(request)),
      sequence_(std::move(session.sequence)),
      vocabulary_(vocabulary),
      positions_(positions),
      sampler_(request_.sampling),
      stream_(request_.stop),
      remaining_(request_.max_tokens),
      submitted_(Clock::now()),
      last_token_(submitted_) {
  receipt_.loaded_tokens = sequence_->cache.next_position;
  receipt_.prompt_tokens = static_cast<int64_t>(request_.prompt.size() + request_.question.size());
  if (request_.prompt.empty()) {
    resumed_ = session.tail.unread;
    receipt_.cache.bytes_prompt = sequence_->cache.bytes();
    if (request_.on_prompt) request_.on_prompt(*sequence_);
    state_ = State::generating;
    if (remaining_ <= 0) finish(FinishReason::length);
  } else {
    sequence_->prompt_total = receipt_.loaded_tokens + static_cast<int64_t>(request_.prompt.size());
  }
}

std::optional<int32_t> ActiveRequest::unread() const {
  return generated_.empty() ? resumed_ : generated_.back();
}

std::span<const int32_t> ActiveRequest::reading() const {
  return state_ == State::reading_prompt ? request_.prompt : request_.question;
}

std::span<const int32_t> ActiveRequest::next_tokens(int chunk) const {
  if (state_ == State::generating) {
    return generated_.empty() ? std::span(&*resumed_, 1) : std::span(generated_).last(1);
  }
  const std::span<const int32_t> rest = reading().subspan(read_);
  return rest.first(std::min(rest.size(), static_cast<size_t>(chunk)));
}

bool ActiveRequest::ends_reading(int chunk) const {
  return state_ != State::generating && read_ + next_tokens(chunk).size() == reading().size();
}

bool ActiveRequest::samples_after(int chunk) const {
  if (state_ == State::generating) return true;
  return ends_reading(chunk) && (state_ == State::reading_question || request_.question.empty());
}

void ActiveRequest::advance(size_t tokens) {
  if (state_ == State::generating) return;
  read_ += tokens;
  if (request_.on_progress) {
    const auto before = state_ == State::reading_question ? request_.prompt.size() : 0;
    request_.on_progress(static_cast<int64_t>(before + read_), receipt_.prompt_tokens);
  }
  if (read_ < reading().size()) return;
  read_ = 0;
  if (state_ == State::reading_prompt) {
    if (request_.on_prompt) request_.on_prompt(*sequence_);
    if (!request_.question.empty()) {
      state_ = State::reading_question;
      return;
    }
  }
  state_ = State::generating;
  if (remaining_ <= 0) finish(FinishReason::length);
}

void ActiveRequest::note_time() {
  const Clock::time_point now = Clock::now();
  if (generated_.size() == 1) {
    receipt_.time.ttft_ms = milliseconds(now - submitted_);
    receipt_.time.compress_ms = sequence_->compress_s * 1e3;
  } else {
    token_ms_.push_back(milliseconds(now - last_token_));
  }
  last_token_ = now;
}

void ActiveRequest::sample(std::span<const float> logits) {
  if (state_ != State::generating) return;
  const int32_t token = sampler_.sample(logits);
  generated_.push_back(token);
  note_time();
  --remaining_;
  const bool ends = vocabulary_.ends_generation(token);
  if (ends && !request_.ignore_end) return finish(FinishReason::stop);
  const std::string shown = stream_.add(vocabulary_.piece(token));
  if (request_.on_token) request_.on_token({token, shown});
  if (stream_.stopped()) return finish(FinishReason::stop);
  if (remaining_ <= 0 || sequence_->cache.next_position >= positions_) finish(FinishReason::length);
}

void ActiveRequest::finish(FinishReason reason) {
  state_ = State::finished;
  const std::string rest = stream_.finish();
  if (!rest.empty() && request_.on_token) request_.on_token({generated_.back(), rest});
  receipt_.finish = reason;
  receipt_.generated_tokens = static_cast<int64_t>(generated_.size());
  if (token_ms_.empty()) return;
  receipt_.time.tpot_median_ms = percentile(token_ms_, 50);
  receipt_.time.tpot_p95_ms = percentile(token_ms_, 95);
  double total_ms = 0;
  for (const double ms : token_ms_) total_ms += ms;
  receipt_.time.tokens_per_second = 1e3 * static_cast<double>(token_ms_.size()) / total_ms;
}

void ActiveRequest::cancel() {
  if (state_ != State::finished) finish(FinishReason::cancelled);
}

void ActiveRequest::follow_up(std::vector<int32_t> tokens, int max_tokens) {
  // The cache has not seen the token sampled last.
  request_.question.clear();
  if (const std::optional<int32_t> last = unread()) request_.question.push_back(*last);
  resumed_.reset();
  request_.question.insert(request_.question.end(), tokens.begin(), tokens.end());
  generated_.clear();
  token_ms_.clear();
  stream_ = TextStream(request_.stop);
  remaining_ = max_tokens;
  read_ = 0;
  state_ = State::reading_question;
  sequence_->prompt_total = sequence_->cache.next_position + static_cast<int64_t>(request_.question.size());
  receipt_ = {};
  receipt_.prompt_tokens = sequence_->prompt_total;
  submitted_ = last_token_ = Clock::now();
}

Completion ActiveRequest::take() {
  cancel();
  return {stream_.text(), generated_, receipt_};
}

}  // namespace kvcompress
