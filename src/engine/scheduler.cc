#include "engine/scheduler.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::max
#include <utility>    // std::move

namespace kvcompress {

namespace {

// Prompt tokens of all sequences in one step: bounds the activations' memory and the wait of those that
// write.
constexpr size_t kMostPromptRows = 2048;

}  // namespace

Scheduler::Scheduler(Forward& forward, Compressor& compressor, PagePool& pages, int chunk, int vocabulary)
    : forward_(forward), compressor_(compressor), pages_(pages), chunk_(chunk), vocabulary_(vocabulary) {}

RequestId Scheduler::add(std::unique_ptr<ActiveRequest> request) {
  if (requests_.empty()) pages_.memory().reset_peak();
  requests_.emplace(next_id_, std::move(request));
  return next_id_++;
}

ActiveRequest& Scheduler::at(RequestId id) {
  const auto found = requests_.find(id);
  if (found == requests_.end()) {
    throw UsageError(
        fmt::format("[engine] expected the id of a request that was submitted and not taken, got {}", id));
  }
  return *found->second;
}

bool Scheduler::idle() const {
  return std::all_of(requests_.begin(), requests_.end(), [](const auto& entry) {
    return entry.second->state() == ActiveRequest::State::finished;
  });
}

void Scheduler::choose() {
  readers_.clear();
  writers_.clear();
  prefill_.clear();
  decode_.clear();
  size_t prompt_rows = 0;
  for (const auto& [id, request] : requests_) {
    if (request->state() == ActiveRequest::State::finished) continue;
    const std::span<const int32_t> tokens = request->next_tokens(chunk_);
    if (request->state() == ActiveRequest::State::generating) {
      writers_.push_back(request.get());
      decode_.push_back({&request->sequence(), tokens});
    } else if (prefill_.empty() || prompt_rows + tokens.size() <= kMostPromptRows) {
      prompt_rows += tokens.size();
      readers_.push_back(request.get());
      prefill_.push_back({&request->sequence(), tokens});
    }
  }
}

bool Scheduler::step(const std::atomic<bool>& stop) {
  choose();
  if (prefill_.empty() && decode_.empty()) return false;
  forward_.run(prefill_, decode_, stop);
  sample();
  return true;
}

void Scheduler::after_forward(ActiveRequest& request) {
  note_bytes(request);
  Sequence& sequence = request.sequence();
  if (request.state() == ActiveRequest::State::generating) {
    compressor_.after_decode(sequence);
  } else {
    compressor_.after_chunk(sequence, request.ends_reading(chunk_));
  }
  request.receipt().cache.bytes = sequence.bytes();
  if (request.state() == ActiveRequest::State::reading_prompt && request.ends_reading(chunk_)) {
    request.receipt().cache.bytes_prompt = request.receipt().cache.bytes;
  }
}

// With one request alone the pool's own peak is exact, also within a step.
void Scheduler::note_bytes(ActiveRequest& request) {
  size_t& peak = request.receipt().cache.bytes_peak;
  peak =
      std::max(peak, requests_.size() == 1 ? pages_.memory().usage().peak_bytes : request.sequence().bytes());
}

void Scheduler::sample() {
  // Rows of the step whose logits are wanted, in the order of the rows.
  std::vector<int> rows;
  std::vector<ActiveRequest*> wanting;
  int row = 0;
  for (ActiveRequest* request : readers_) {
    row += static_cast<int>(request->next_tokens(chunk_).size());
    if (!request->samples_after(chunk_)) continue;
    rows.push_back(row - 1);
    wanting.push_back(request);
  }
  for (ActiveRequest* request : writers_) {
    rows.push_back(row++);
    wanting.push_back(request);
  }
  logits_.resize(rows.size() * static_cast<size_t>(vocabulary_));
  if (!rows.empty()) forward_.logits(rows, logits_.data());

  for (ActiveRequest* request : readers_) {
    after_forward(*request);
    request->advance(request->next_tokens(chunk_).size());
  }
  for (ActiveRequest* request : writers_) after_forward(*request);
  for (size_t i = 0; i < wanting.size(); ++i) {
    wanting[i]->sample(
        {logits_.data() + i * static_cast<size_t>(vocabulary_), static_cast<size_t>(vocabulary_)});
  }
}

}  // namespace kvcompress
