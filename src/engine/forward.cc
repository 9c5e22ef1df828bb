#include "engine/forward.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>    // std::copy_n
#include <chrono>       // std::chrono::steady_clock
#include <exception>    // std::exception_ptr
#include <mutex>        // std::mutex
#include <string_view>  // std::string_view

namespace kvcompress {

namespace {

class Stopwatch {
 public:
  // Seconds since the last call.
  double lap() {
    const auto now = std::chrono::steady_clock::now();
    const double seconds = std::chrono::duration<double>(now - last_).count();
    last_ = now;
    return seconds;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

// Fewer heads than this to append to are not worth waking a helper for.
constexpr int64_t kAppendInline = 2048;

// Pairs (query, key) that a causal mask with an optional window shows, for queries after a past of `past`
// live slots.
double visible_pairs(double past, double queries) { return queries * past + queries * (queries + 1) / 2; }

// What a head refuses names the position; where that head is, only this rung knows.
InputError located(const InputError& error, int layer, int head) {
  std::string_view text = error.what();
  constexpr std::string_view kPlace = "[cache] ";
  if (text.starts_with(kPlace)) text.remove_prefix(kPlace.size());
  return InputError(fmt::format("{}layer {}, KV head {}: {}", kPlace, layer, head, text));
}

}  // namespace

Forward::Forward(Architecture& model, ThreadPool& pool, Precision precision)
    : model_(model),
      pool_(pool),
      precision_(precision),
      config_(model.config()),
      group_(config_.query_heads / config_.kv_heads),
      observer_(model, pool) {}

void Forward::lay_out(std::span<const Segment> prefill, std::span<const Segment> decode) {
  placed_.clear();
  tokens_.clear();
  positions_.clear();
  const auto place = [this](const Segment& segment, bool is_prefill) {
    placed_.push_back({segment.sequence, static_cast<int>(tokens_.size()),
                       static_cast<int>(segment.tokens.size()), is_prefill});
    int32_t position = segment.sequence->cache.next_position;
    for (const int32_t token : segment.tokens) {
      tokens_.push_back(token);
      positions_.push_back(position++);
    }
  };
  for (const Segment& segment : prefill) place(segment, true);
  prefill_segments_ = placed_.size();
  rows_.prefill = static_cast<int>(tokens_.size());
  for (const Segment& segment : decode) place(segment, false);
  rows_.decode = static_cast<int>(tokens_.size()) - rows_.prefill;
  rows_.tokens = tokens_;
  rows_.positions = positions_;

  const auto rows = static_cast<size_t>(rows_.count());
  const auto grow = [](std::vector<float>& buffer, size_t size) {
    if (buffer.size() < size) buffer.resize(size);
  };
  grow(residual_, rows * config_.hidden);
  grow(queries_, rows * config_.query_heads * config_.head_dim);
  grow(attended_, rows * config_.query_heads * config_.head_dim);
  grow(keys_, rows * config_.kv_heads * config_.head_dim);
  grow(values_, rows * config_.kv_heads * config_.head_dim);
  grow(log_sum_exp_, rows * config_.query_heads);
}

void Forward::run(std::span<const Segment> prefill, std::span<const Segment> decode,
                  const std::atomic<bool>& stop) {
  lay_out(prefill, decode);
  Stopwatch watch;
  model_.embed(rows_, residual_.data());
  for (int layer = 0; layer < config_.layers; ++layer) {
    if (stop.load(std::memory_order_relaxed))
      throw Cancelled("[engine] stopped by the caller; the work is incomplete");
    observer_.before_layer(layer, placed_, residual_.data());
    model_.pre(layer, rows_, residual_.data(), {queries_.data(), keys_.data(), values_.data()});
    profile_.dense_s += watch.lap();
    append(layer);
    attend(layer);
    observer_.after_attention(layer, placed_,
                              {queries_.data(), keys_.data(), log_sum_exp_.data(), positions_.data()});
    drop_windowed(layer);
    profile_.attention_s += watch.lap();
    model_.post(layer, rows_, attended_.data(), residual_.data());
  }
  profile_.dense_s += watch.lap();
  const double embedding = static_cast<double>(config_.vocabulary) * config_.hidden;
  profile_.dense_flop += 2.0 * (static_cast<double>(config_.parameters) - embedding) * rows_.count();
  finish();
}

void Forward::append(int layer) {
  const int heads = config_.kv_heads;
  const int64_t stride = static_cast<int64_t>(heads) * config_.head_dim;
  std::mutex mutex;
  std::exception_ptr failure;
  const auto append_one = [&](int64_t item, int) {
    const ObservedRows& segment = placed_[static_cast<size_t>(item / heads)];
    const auto head = static_cast<int>(item % heads);
    const int64_t offset = segment.row * stride + static_cast<int64_t>(head) * config_.head_dim;
    const std::span<const int32_t> positions(positions_.data() + segment.row,
                                             static_cast<size_t>(segment.count));
    try {
      segment.sequence->cache.head(layer, head)
          .append(positions, keys_.data() + offset, stride, values_.data() + offset, stride);
    } catch (const InputError& error) {
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::make_exception_ptr(located(error, layer, head));
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  };
  const auto items = static_cast<int64_t>(placed_.size()) * heads;
  if (static_cast<int64_t>(rows_.count()) * heads * config_.head_dim < kAppendInline) {
    for (int64_t item = 0; item < items; ++item) append_one(item, 0);
  } else {
    pool_.parallel_for(items, append_one);
  }
  if (failure) std::rethrow_exception(failure);
}

void Forward::attend(int layer) {
  const AttentionShape shape{config_.head_dim, group_, config_.attention_scale,
                             config_.sliding_window[static_cast<size_t>(layer)]};
  if (prefill_segments_ > 0) attend_prefill_rows(layer, shape);
  if (prefill_segments_ < placed_.size()) attend_decode_rows(layer, shape);
}

void Forward::attend_prefill_rows(int layer, const AttentionShape& shape) {
  const int64_t stride = static_cast<int64_t>(config_.query_heads) * config_.head_dim;
  std::vector<PrefillTask> tasks;
  for (size_t s = 0; s < prefill_segments_; ++s) {
    const ObservedRows& segment = placed_[s];
    float* sums = observer_.column_sums(layer, segment);
    for (int head = 0; head < config_.kv_heads; ++head) {
      const HeadSlots& slots = segment.sequence->cache.head(layer, head);
      const int64_t offset = segment.row * stride + static_cast<int64_t>(head) * group_ * config_.head_dim;
      tasks.push_back({slots.pages(), queries_.data() + offset, stride, attended_.data() + offset, stride,
                       log_sum_exp_.data() + static_cast<int64_t>(segment.row) * config_.query_heads +
                           static_cast<int64_t>(head) * segment.count * group_,
                       positions_.data() + segment.row, segment.count, sums});
      if (sums != nullptr) sums += slots.pages().size() * kPageSlots * group_;
      profile_.attention_flop +=
          4.0 * config_.head_dim * group_ * visible_pairs(slots.length() - segment.count, segment.count);
    }
  }
  attend_prefill(tasks, shape, precision_, pool_);
}

void Forward::attend_decode_rows(int layer, const AttentionShape& shape) {
  const int64_t stride = static_cast<int64_t>(config_.query_heads) * config_.head_dim;
  std::vector<DecodeTask> tasks;
  tasks.reserve((placed_.size() - prefill_segments_) * static_cast<size_t>(config_.kv_heads));
  for (size_t s = prefill_segments_; s < placed_.size(); ++s) {
    const ObservedRows& segment = placed_[s];
    float* logits = observer_.decode_logits(layer, segment);
    for (int head = 0; head < config_.kv_heads; ++head) {
      const HeadSlots& slots = segment.sequence->cache.head(layer, head);
      const int64_t offset = segment.row * stride + static_cast<int64_t>(head) * group_ * config_.head_dim;
      tasks.push_back({slots.pages(), queries_.data() + offset, attended_.data() + offset,
                       log_sum_exp_.data() + static_cast<int64_t>(segment.row) * config_.query_heads +
                           static_cast<int64_t>(head) * group_,
                       positions_[static_cast<size_t>(segment.row)], logits});
      if (logits != nullptr) logits += slots.pages().size() * kPageSlots * group_;
      profile_.attention_flop += 4.0 * config_.head_dim * group_ * slots.length();
      profile_.attention_bytes += 4.0 * config_.head_dim * slots.length();
    }
  }
  attend_decode(tasks, shape, precision_, pool_);
}

void Forward::drop_windowed(int layer) {
  const int32_t window = config_.sliding_window[static_cast<size_t>(layer)];
  if (window == 0) return;
  for (const ObservedRows& segment : placed_) {
    const int32_t next = segment.sequence->cache.next_position + segment.count;
    for (int head = 0; head < config_.kv_heads; ++head) {
      segment.sequence->cache.head(layer, head).drop_before(next - window + 1);
    }
  }
}

void Forward::finish() {
  observer_.after_step(placed_, tokens_, positions_);
  for (const ObservedRows& segment : placed_) segment.sequence->cache.next_position += segment.count;
}

void Forward::logits(std::span<const int> rows, float* out) {
  Stopwatch watch;
  const auto hidden = static_cast<size_t>(config_.hidden);
  head_input_.resize(rows.size() * hidden);
  Rows chosen;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::copy_n(residual_.data() + static_cast<size_t>(rows[i]) * hidden, hidden,
                head_input_.data() + i * hidden);
    (rows[i] < rows_.prefill ? chosen.prefill : chosen.decode) += 1;
  }
  model_.head(chosen, head_input_.data(), out);
  profile_.head_s += watch.lap();
  profile_.head_flop +=
      2.0 * static_cast<double>(config_.vocabulary) * config_.hidden * static_cast<double>(rows.size());
}

Profile Forward::take_profile() {
  const Profile taken = profile_;
  profile_ = {};
  return taken;
}

}  // namespace kvcompress
