// A held budget whose scores never change (a decoded token costs one score and one search), and sinks that
// roll along with one.
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::fill_n, std::max, std::min, std::min_element
#include <limits>     // std::numeric_limits

#include "engine/compressor.h"
#include "engine/parallel_checked.h"  // parallel_checked

namespace kvcompress {

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

// The lowest of at most kBlock scores, forced ones aside. Throws for what is not a number.
constexpr int64_t kBlock = 64;
float lowest_score(const float* scores, const uint8_t* forced, int64_t count) {
  constexpr int kLanes = 16;
  float low[kLanes];
  int damaged = 0;
  std::fill_n(low, kLanes, kInfinity);
  const auto take = [&](int64_t i, float& lowest) {
    const float score = forced != nullptr && forced[i] != 0 ? kInfinity : scores[i];
    damaged |= score != score ? 1 : 0;
    lowest = score < lowest ? score : lowest;
  };
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) take(i + lane, low[lane]);
  }
  for (; i < count; ++i) take(i, low[0]);
  if (damaged != 0) {
    throw Error("[selection] expected numbers as scores, got NaN; the model or its weights are damaged");
  }
  return *std::min_element(low, low + kLanes);
}

}  // namespace

int32_t lowest_slot(std::span<const float> scores, std::span<const uint8_t> forced, int64_t first,
                    int64_t last) {
  const uint8_t* flags = forced.empty() ? nullptr : forced.data();
  float lowest = kInfinity;
  int64_t block = first;  // the last one that has the lowest score
  for (int64_t begin = first; begin < last; begin += kBlock) {
    const float low = lowest_score(scores.data() + begin, flags == nullptr ? nullptr : flags + begin,
                                   std::min(kBlock, last - begin));
    if (low > lowest) continue;
    lowest = low;
    block = begin;
  }
  // Infinite scores look like forced ones: then every block has to be searched.
  const int64_t begin = lowest < kInfinity ? block : first;
  const int64_t end = lowest < kInfinity ? std::min(block + kBlock, last) : last;
  for (int64_t slot = end - 1; slot >= begin; --slot) {
    if (scores[slot] == lowest && (flags == nullptr || flags[slot] == 0)) return static_cast<int32_t>(slot);
  }
  return -1;
}

void Compressor::drop(Sequence& sequence, int layer, int head, int32_t slot) const {
  sequence.cache.head(layer, head).drop(slot);
  if (sequence.observed.none()) return;
  sequence.observed.notes[static_cast<size_t>(layer) * config_.kv_heads + head].drop(slot);
}

// A layer over its budget, from what is at hand and on this thread alone.
void Compressor::hold_layer(Sequence& sequence, int layer) const {
  ScoredLayer layer_scored = scored(
      sequence, layer, reader_.read_inline(sequence, layer, sequence.recipe.needs()), /*inlined=*/true);
  share_budget(sequence, layer, layer_scored, /*decoding=*/true);
  if (sequence.recipe.select) sequence.recipe.select->refine(layer_scored.heads);
  for (int head = 0; head < config_.kv_heads; ++head) evict(sequence, layer, head, layer_scored.heads[head]);
}

void Compressor::hold_by_kept_scores(Sequence& sequence) {
  for (int layer = 0; layer < config_.layers; ++layer) {
    // More than the newest token too many (a prompt was read into a full budget): the plain way.
    bool far = false;
    for (int head = 0; head < config_.kv_heads; ++head) {
      far |= sequence.cache.head(layer, head).length() > limit(sequence, layer, head).slots + 1;
    }
    if (far) select_layer(sequence, layer, score_layer(sequence, layer), /*decoding=*/true);
  }
  const bool norms = sequence.recipe.score->needs().key_norms;
  parallel_checked(pool_, config_.layers, [&](int64_t layer) {
    for (int head = 0; head < config_.kv_heads; ++head) {
      evict_lowest(sequence, static_cast<int>(layer), head, norms);
    }
  });
}

// Brings a head's kept scores up to date: of a decoded token, the newest slot's.
void Compressor::score_newest(Sequence& sequence, int layer, int head, bool norms) const {
  const HeadSlots& slots = sequence.cache.head(layer, head);
  std::vector<float>& scores =
      sequence.observed.notes[static_cast<size_t>(layer) * config_.kv_heads + head].scores;
  const int length = slots.length();
  const int first = static_cast<int>(scores.size()) == length - 1 ? length - 1 : 0;
  scores.resize(static_cast<size_t>(length));
  static thread_local std::vector<float> key;
  static thread_local std::vector<int32_t> positions;
  positions.resize(static_cast<size_t>(length - first));
  if (first == length - 1) {
    positions[0] = -1;
    for (const PageView& page : slots.pages()) positions[0] = std::max(positions[0], page.last_position);
  } else {
    slots.positions(positions);
  }
  for (int slot = first; slot < length; ++slot) {
    float norm = 0;
    if (norms) {
      key.resize(static_cast<size_t>(config_.head_dim));
      slots.load(slot, key.data(), nullptr);
      norm = norm_of(key.data(), config_.head_dim);
    }
    ScoreInput input;
    input.layer = layer;
    input.kv_head = head;
    input.slots = 1;
    input.group = config_.query_heads / config_.kv_heads;
    input.head_dim = config_.head_dim;
    input.tokens_seen = sequence.cache.next_position;
    input.positions = {&positions[slot - first], 1};
    if (norms) input.key_norms = {&norm, 1};
    sequence.recipe.score->score(input, {&scores[slot], 1});
  }
}

void Compressor::evict_lowest(Sequence& sequence, int layer, int head, bool norms) const {
  const HeadSlots& slots = sequence.cache.head(layer, head);
  const HeadLimit region = limit(sequence, layer, head);
  const int length = slots.length();
  if (length <= region.slots) return;
  score_newest(sequence, layer, head, norms);
  static thread_local std::vector<uint8_t> pinned;
  pinned.resize(slots.any_pinned() ? static_cast<size_t>(length) : 0);
  if (!pinned.empty()) slots.pinned(pinned);
  const SlotNotes& notes = sequence.observed.notes[static_cast<size_t>(layer) * config_.kv_heads + head];
  const int32_t lowest = lowest_slot(notes.scores, pinned, region.sinks, length - region.recent);
  if (lowest < 0) {
    throw UsageError("[budget] expected room beside sinks, recent and pinned tokens; raise the budget");
  }
  drop(sequence, layer, head, lowest);
}

// Turning the sinks on by the gap behind them puts them right before the recent tokens; whatever else is kept
// stays where it was read, and so does the query, so all distances are those inside the cache. They are
// turned from the keys as read each time: rounding does not add up.
void Compressor::roll_sinks(Sequence& sequence) const {
  const auto width = static_cast<size_t>(config_.head_dim);
  sequence.sink_keys.resize(static_cast<size_t>(config_.layers) * config_.kv_heads);
  parallel_checked(pool_, config_.layers, [&](int64_t index) {
    const auto layer = static_cast<int>(index);
    const Rotation rotation = model_.rotation(layer);
    for (int head = 0; head < config_.kv_heads; ++head) {
      HeadSlots& slots = sequence.cache.head(layer, head);
      const auto sinks = static_cast<size_t>(sequence.recipe.budget.sinks);
      if (static_cast<size_t>(slots.length()) <= sinks) continue;
      std::vector<int32_t> positions(static_cast<size_t>(slots.length()));
      slots.positions(positions);
      const int32_t gap = positions[sinks] - positions[sinks - 1] - 1;
      if (gap == 0) continue;
      std::vector<float>& read = sequence.sink_keys[static_cast<size_t>(layer) * config_.kv_heads + head];
      for (size_t sink = 0; sink < sinks; ++sink) {
        if (read.size() < (sink + 1) * width) {
          read.resize((sink + 1) * width);
          slots.load(static_cast<int32_t>(sink), read.data() + sink * width, nullptr);
        }
        std::vector<float> key(read.begin() + sink * width, read.begin() + (sink + 1) * width);
        rotate(rotation, gap, key);
        slots.set_key(static_cast<int32_t>(sink), key.data());
      }
    }
  });
}

}  // namespace kvcompress
