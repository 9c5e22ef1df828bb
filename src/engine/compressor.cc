#include "engine/compressor.h"

#include <chrono>     // std::chrono::steady_clock
#include <cmath>      // std::sqrt
#include <exception>  // std::exception_ptr
#include <mutex>      // std::mutex
#include <numeric>    // std::inner_product
#include <utility>    // std::move

namespace kvcompress {

namespace {

// Slots that a head keeps under the planned budgets.
int64_t slots_kept(const Sequence& sequence, int layer, int head) {
  const auto index = static_cast<size_t>(layer) * sequence.cache.kv_heads() + head;
  return slots_to_keep(sequence.recipe.budget, layer, sequence.cache.sliding_window(layer),
                       sequence.budgets[index], sequence.cache.head(layer, head).length());
}

bool over_budget(const Sequence& sequence, int layer, int head) {
  return sequence.cache.head(layer, head).length() > slots_kept(sequence, layer, head);
}

bool any_over_budget(const Sequence& sequence, int layer) {
  for (int head = 0; head < sequence.cache.kv_heads(); ++head) {
    if (over_budget(sequence, layer, head)) return true;
  }
  return false;
}

// Calls f(physical slot, live index) for every slot that holds a token.
template <typename F>
void for_each_live(std::span<const PageView> pages, F&& f) {
  int live = 0;
  for (size_t page = 0; page < pages.size(); ++page) {
    for (int slot = 0; slot < pages[page].used; ++slot) {
      if (pages[page].positions[slot] != kNoToken) f(static_cast<int>(page) * kPageSlots + slot, live++);
    }
  }
}

// What a policy sees of one head, with the arrays it points to.
struct HeadFeatures {
  std::vector<int32_t> positions;
  std::vector<float> key_norms;
  ScoreInput input;
};

HeadFeatures features_of(const Sequence& sequence, int layer, int head, const ModelConfig& config) {
  const HeadSlots& slots = sequence.cache.head(layer, head);
  HeadFeatures features;
  features.positions.resize(static_cast<size_t>(slots.length()));
  slots.positions(features.positions);
  if (sequence.recipe.score->needs().key_norms) {
    std::vector<float> physical(slots.pages().size() * kPageSlots);
    key_norms(slots.pages(), config.head_dim, physical.data());
    features.key_norms.resize(features.positions.size());
    for_each_live(slots.pages(), [&](int slot, int live) { features.key_norms[live] = physical[slot]; });
  }
  features.input.layer = layer;
  features.input.kv_head = head;
  features.input.slots = slots.length();
  features.input.group = config.query_heads / config.kv_heads;
  features.input.tokens_seen = sequence.cache.next_position;
  features.input.positions = features.positions;
  features.input.key_norms = features.key_norms;
  return features;
}

std::vector<float> scores_of(const Sequence& sequence, int layer, int head, const ModelConfig& config,
                             std::span<const float> weights) {
  HeadFeatures features = features_of(sequence, layer, head, config);
  features.input.window_weights = weights;
  features.input.window_queries = weights.empty() ? 0 : sequence.window.filled();
  std::vector<float> scores(features.positions.size());
  sequence.recipe.score->score(features.input, scores);
  return scores;
}

// Runs f(item) for every item on the pool; an exception of any of them comes out here.
template <typename F>
void parallel_checked(ThreadPool& pool, int64_t items, F&& f) {
  std::mutex mutex;
  std::exception_ptr failure;
  pool.parallel_for(items, [&](int64_t item, int) {
    try {
      f(item);
    } catch (...) {
      const std::scoped_lock lock(mutex);
      if (!failure) failure = std::current_exception();
    }
  });
  if (failure) std::rethrow_exception(failure);
}

// Adds the time of its life to a counter.
class Timed {
 public:
  explicit Timed(double& seconds) : seconds_(seconds) {}
  ~Timed() { seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

Compressor::Compressor(const ModelConfig& config, const PagePool& pages, ThreadPool& pool)
    : config_(config), pages_(pages), pool_(pool), group_(config.query_heads / config.kv_heads) {}

void Compressor::plan(Sequence& sequence, int64_t tokens) const {
  BudgetInput input;
  input.layers = config_.layers;
  input.kv_heads = config_.kv_heads;
  input.tokens_seen = tokens;
  input.page_bytes = pages_.page_bytes();
  input.page_slots = kPageSlots;
  input.sliding_window = config_.sliding_window;
  sequence.budgets = plan_budget(sequence.recipe.budget, input);
}

void Compressor::after_chunk(Sequence& sequence, bool last) {
  const Recipe& recipe = sequence.recipe;
  if (!recipe.compresses() || (sequence.compressed && !recipe.budget.hold)) return;
  if (sequence.prefill == PrefillMode::exact && !last) return;
  const Timed timed(sequence.compress_s);
  plan(sequence, last ? sequence.cache.next_position : std::max<int64_t>(sequence.prompt_total, 1));
  compress(sequence);
  if (last) sequence.compressed = true;
}

void Compressor::after_decode(Sequence& sequence) {
  const Recipe& recipe = sequence.recipe;
  if (!recipe.compresses() || !recipe.budget.hold) return;
  const Timed timed(sequence.compress_s);
  plan(sequence, sequence.cache.next_position);
  if (recipe.score->per_slot() && recipe.budget.trigger == 0) {
    hold_by_kept_scores(sequence);
  } else {
    compress(sequence);
  }
}

void Compressor::compress(Sequence& sequence) {
  for (int layer = 0; layer < config_.layers; ++layer) {
    if (any_over_budget(sequence, layer)) compress_layer(sequence, layer);
  }
}

void Compressor::compress_layer(Sequence& sequence, int layer) {
  const WindowWeights weights =
      sequence.recipe.score->needs().attention_window > 0 ? window_weights(sequence, layer) : WindowWeights();
  parallel_checked(pool_, config_.kv_heads, [&](int64_t head) {
    if (over_budget(sequence, layer, static_cast<int>(head))) {
      compress_head(sequence, layer, static_cast<int>(head), weights);
    }
  });
}

void Compressor::compress_head(Sequence& sequence, int layer, int head, const WindowWeights& weights) const {
  const auto index = static_cast<size_t>(layer) * config_.kv_heads + head;
  const std::vector<float> scores =
      scores_of(sequence, layer, head, config_, weights.empty() ? std::span<const float>() : weights[head]);
  HeadSlots& slots = sequence.cache.head(layer, head);
  std::vector<uint8_t> pinned(scores.size());
  slots.pinned(pinned);
  SelectionInput selection;
  selection.scores = scores;
  selection.pinned = pinned;
  selection.budget = slots_kept(sequence, layer, head);
  selection.sinks = sequence.recipe.budget.sinks;
  selection.recent = sequence.recipe.budget.recent;
  slots.keep(select_slots(selection), /*compact=*/true);
  sequence.slot_scores[index].clear();
}

Compressor::WindowWeights Compressor::window_weights(const Sequence& sequence, int layer) {
  const QueryWindow& window = sequence.window;
  WindowWeights physical(static_cast<size_t>(config_.kv_heads));
  std::vector<CaptureTask> tasks;
  for (int head = 0; head < config_.kv_heads; ++head) {
    const std::span<const PageView> pages = sequence.cache.head(layer, head).pages();
    physical[head].resize(pages.size() * kPageSlots * group_);
    tasks.push_back({pages, window.queries(layer, head), window.query_stride(),
                     window.log_sum_exp(layer, head), window.positions(), window.filled(),
                     physical[head].data()});
  }
  const AttentionShape shape{config_.head_dim, group_, config_.attention_scale,
                             config_.sliding_window[layer]};
  capture_scores(tasks, shape, pool_);

  WindowWeights live(static_cast<size_t>(config_.kv_heads));
  for (int head = 0; head < config_.kv_heads; ++head) {
    const HeadSlots& slots = sequence.cache.head(layer, head);
    const auto length = static_cast<size_t>(slots.length());
    const size_t row = slots.pages().size() * kPageSlots;
    live[head].resize(length * group_);
    for_each_live(slots.pages(), [&](int slot, int index) {
      for (int g = 0; g < group_; ++g) live[head][g * length + index] = physical[head][g * row + slot];
    });
  }
  return live;
}

void Compressor::hold_by_kept_scores(Sequence& sequence) {
  const auto hold_layer = [&](int64_t layer) {
    for (int head = 0; head < config_.kv_heads; ++head) evict_lowest(sequence, static_cast<int>(layer), head);
  };
  parallel_checked(pool_, config_.layers, hold_layer);
}

// Scores of slots are kept in the sequence, so that a token costs one score and one search. Of equal scores
// the later slot goes, as select_slots() does it.
void Compressor::evict_lowest(Sequence& sequence, int layer, int head) const {
  if (!over_budget(sequence, layer, head)) return;
  HeadSlots& slots = sequence.cache.head(layer, head);
  const auto index = static_cast<size_t>(layer) * config_.kv_heads + head;
  const BudgetSettings& budget = sequence.recipe.budget;
  std::vector<float>& scores = sequence.slot_scores[index];
  const int length = slots.length();
  if (length > slots_kept(sequence, layer, head) + 1) return compress_head(sequence, layer, head, {});

  if (static_cast<int>(scores.size()) != length - 1) {
    scores = scores_of(sequence, layer, head, config_, {});
  } else {
    ScoreInput newest;
    const int32_t position = slots.pages().back().last_position;
    std::vector<float> key(static_cast<size_t>(config_.head_dim));
    slots.load(length - 1, key.data(), nullptr);
    const float norm = std::sqrt(std::inner_product(key.begin(), key.end(), key.begin(), 0.0F));
    newest.layer = layer;
    newest.kv_head = head;
    newest.slots = 1;
    newest.group = group_;
    newest.tokens_seen = sequence.cache.next_position;
    newest.positions = {&position, 1};
    newest.key_norms = {&norm, 1};
    float score = 0;
    sequence.recipe.score->score(newest, {&score, 1});
    scores.push_back(score);
  }
  std::vector<uint8_t> pinned(static_cast<size_t>(length));
  slots.pinned(pinned);
  int lowest = -1;
  const auto zone_end = static_cast<int>(length - budget.recent);
  for (auto slot = static_cast<int>(budget.sinks); slot < zone_end; ++slot) {
    if (pinned[slot] != 0) continue;
    if (lowest < 0 || scores[slot] <= scores[lowest]) lowest = slot;
  }
  if (lowest < 0) return compress_head(sequence, layer, head, {});
  slots.drop(lowest);
  scores.erase(scores.begin() + lowest);
}

}  // namespace kvcompress
