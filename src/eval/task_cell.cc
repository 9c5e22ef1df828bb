#include "eval/task_cell.h"

#include <algorithm>  // std::max
#include <utility>    // std::move

namespace kvcompress {

TaskCell::TaskCell(Engine& engine, EvaluatedRecipe evaluated)
    : engine_(engine), evaluated_(std::move(evaluated)), asker_(engine) {
  const ModelConfig& config = engine.config();
  kept_.heads.assign(static_cast<size_t>(config.layers),
                     std::vector<double>(static_cast<size_t>(config.kv_heads), 0.0));
  kept_.positions.assign(KeptShares::kBins, 0.0);
}

void TaskCell::note_prompt(const Sequence& sequence, double read_s, size_t peak) {
  prompts_++;
  read_s_ += read_s;
  compress_s_ += sequence.compress_s;
  cache_.bytes_prompt += sequence.bytes();
  peak_ = std::max(peak, sequence.bytes());
  note_kept(sequence);
}

void TaskCell::note_kept(const Sequence& sequence) {
  const auto seen = static_cast<int64_t>(sequence.cache.next_position);
  const auto bin_of = [&](int64_t position) { return position * KeptShares::kBins / seen; };
  std::vector<double> held(KeptShares::kBins, 0.0), tokens(KeptShares::kBins, 0.0);
  for (int64_t position = 0; position < seen; position++) tokens[bin_of(position)] += 1;
  const auto kept = engine_.kept_positions(sequence);
  int64_t heads = 0;
  for (size_t layer = 0; layer < kept.size(); layer++) {
    for (size_t head = 0; head < kept[layer].size(); head++) {
      heads++;
      kept_.heads[layer][head] += static_cast<double>(kept[layer][head].size()) / static_cast<double>(seen);
      for (const int32_t position : kept[layer][head]) held[bin_of(position)] += 1;
    }
  }
  for (size_t bin = 0; bin < held.size(); bin++) {
    // A context of fewer tokens than bins leaves some without any; the bin before stands for them.
    const size_t from = tokens[bin] > 0 || bin == 0 ? bin : bin - 1;
    held[bin] = tokens[bin] > 0 ? held[bin] / (tokens[bin] * static_cast<double>(heads)) : held[from];
    kept_.positions[bin] += held[bin];
  }
}

void TaskCell::ask(std::vector<PendingQuestion> pending, const TaskSample& sample,
                   const SampleTokens& tokens) {
  std::vector<QuestionResult> results;
  for (const PendingQuestion& question : pending) {
    results.push_back(asker_.measure(question, tokens.questions[question.index]));
  }
  asker_.answer(pending, sample.questions, results);
  for (size_t i = 0; i < pending.size(); i++) {
    const CacheReceipt end = engine_.cache_receipt(*pending[i].sequence);
    cache_.bytes += end.bytes;
    cache_.bytes_full += end.bytes_full;
    cache_.bytes_peak += std::max(peak_, end.bytes);
    cache_.tokens_seen += end.tokens_seen;
    questions_.push_back(std::move(results[i]));
  }
}

TaskResult TaskCell::result() const {
  TaskResult result;
  result.evaluated = evaluated_;
  result.questions = questions_;
  const auto asked = static_cast<int64_t>(questions_.size());
  const auto n = static_cast<size_t>(asked);
  result.cache.bytes = cache_.bytes / n;
  result.cache.bytes_full = cache_.bytes_full / n;
  result.cache.bytes_peak = cache_.bytes_peak / n;
  result.cache.tokens_seen = cache_.tokens_seen / asked;
  result.cache.bytes_prompt = cache_.bytes_prompt / static_cast<size_t>(prompts_);
  result.kept = kept_;
  for (auto& layer : result.kept.heads) {
    for (double& share : layer) share /= static_cast<double>(prompts_);
  }
  for (double& share : result.kept.positions) share /= static_cast<double>(prompts_);
  result.time.ttft_ms = 1e3 * (read_s_ + compress_s_) / static_cast<double>(prompts_);
  result.time.compress_ms = 1e3 * compress_s_ / static_cast<double>(prompts_);
  if (asker_.decode_s > 0) {
    result.time.tokens_per_second = static_cast<double>(asker_.decoded_tokens) / asker_.decode_s;
  }
  return result;
}

}  // namespace kvcompress
