// A held budget whose scores never change (a decoded token costs one score and one search), and sinks that
// roll along with one.
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::max
#include <cmath>      // std::sqrt
#include <numeric>    // std::inner_product

#include "engine/compressor.h"
#include "engine/parallel_checked.h"  // parallel_checked

namespace kvcompress {

void Compressor::hold_by_kept_scores(Sequence& sequence) {
  for (int layer = 0; layer < config_.layers; ++layer) {
    // More than the newest token too many (a prompt was read into a full budget): the plain way.
    bool far = false;
    for (int head = 0; head < config_.kv_heads; ++head) {
      far |= sequence.cache.head(layer, head).length() > limit(sequence, layer, head).slots + 1;
    }
    if (far) select_layer(sequence, layer, score_layer(sequence, layer), /*decoding=*/true);
  }
  parallel_checked(pool_, config_.layers, [&](int64_t layer) {
    for (int head = 0; head < config_.kv_heads; ++head) evict_lowest(sequence, static_cast<int>(layer), head);
  });
}

void Compressor::score_newest(Sequence& sequence, int layer, int head) const {
  const HeadSlots& slots = sequence.cache.head(layer, head);
  std::vector<float>& scores =
      sequence.observed.notes[static_cast<size_t>(layer) * config_.kv_heads + head].scores;
  const int length = slots.length();
  const int first = static_cast<int>(scores.size()) == length - 1 ? length - 1 : 0;
  scores.resize(static_cast<size_t>(length));
  std::vector<float> key(static_cast<size_t>(config_.head_dim));
  std::vector<int32_t> positions(static_cast<size_t>(length));
  slots.positions(positions);
  for (int slot = first; slot < length; ++slot) {
    slots.load(slot, key.data(), nullptr);
    const float norm = std::sqrt(std::inner_product(key.begin(), key.end(), key.begin(), 0.0F));
    ScoreInput input;
    input.layer = layer;
    input.kv_head = head;
    input.slots = 1;
    input.group = config_.query_heads / config_.kv_heads;
    input.head_dim = config_.head_dim;
    input.tokens_seen = sequence.cache.next_position;
    input.positions = {&positions[slot], 1};
    input.key_norms = {&norm, 1};
    sequence.recipe.score->score(input, {&scores[slot], 1});
  }
}

// Of equal scores the later slot goes, as select_slots() does it.
void Compressor::evict_lowest(Sequence& sequence, int layer, int head) {
  HeadSlots& slots = sequence.cache.head(layer, head);
  const HeadLimit region = limit(sequence, layer, head);
  const int length = slots.length();
  if (length <= region.slots) return;
  score_newest(sequence, layer, head);
  SlotNotes& notes = sequence.observed.notes[static_cast<size_t>(layer) * config_.kv_heads + head];
  std::vector<uint8_t> pinned(static_cast<size_t>(length));
  slots.pinned(pinned);
  int lowest = -1;
  for (auto slot = static_cast<int>(region.sinks); slot < length - region.recent; ++slot) {
    if (pinned[slot] != 0) continue;
    if (lowest < 0 || notes.scores[slot] <= notes.scores[lowest]) lowest = slot;
  }
  if (lowest < 0) {
    throw UsageError("[budget] expected room beside sinks, recent and pinned tokens; raise the budget");
  }
  slots.drop(lowest);
  notes.drop(lowest);
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
