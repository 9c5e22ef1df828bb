// What happens once, at the prompt's end, beside eviction: kept tokens are refitted, and those that stay in
// f16 for their scores are pinned.
#include <algorithm>  // std::copy_n, std::max, std::min
#include <utility>    // std::move

#include "engine/compressor.h"
#include "engine/parallel_checked.h"  // parallel_checked

namespace kvcompress {

namespace {

// scores: by live slot. Sinks and recent tokens stay exact without a pin, and recent ones not for ever.
void pin_guards(HeadSlots& slots, const StorePolicy& store, std::span<const float> scores) {
  const auto length = static_cast<int64_t>(slots.length());
  const auto share = static_cast<int64_t>(store.guards() * static_cast<double>(length));
  const int64_t guards = std::max<int64_t>(1, share);
  const int64_t last = length - store.recent();
  if (guards <= store.sinks() + store.recent() || last <= store.sinks()) return;
  for (const int32_t slot : select_slots({scores, {}, guards, store.sinks(), store.recent()})) {
    if (slot >= store.sinks() && slot < last) slots.pin(slot, true);
  }
}

std::vector<float> rows_of(std::span<const float> rows, std::span<const int32_t> chosen, size_t width) {
  std::vector<float> out(chosen.size() * width);
  for (size_t i = 0; i < chosen.size(); ++i) {
    std::copy_n(rows.data() + static_cast<size_t>(chosen[i]) * width, width, out.data() + i * width);
  }
  return out;
}

}  // namespace

void Compressor::settle(Sequence& sequence, int layer, std::span<const HeadSelection> heads) {
  const Recipe& recipe = sequence.recipe;
  std::vector<Packing> packings;
  if (recipe.refit) packings = biased_.packings.of(recipe);
  parallel_checked(pool_, config_.kv_heads, [&](int64_t item) {
    const auto head = static_cast<int>(item);
    const size_t index = static_cast<size_t>(layer) * config_.kv_heads + head;
    const HeadSelection& selection = heads[static_cast<size_t>(head)];
    const std::vector<int32_t> kept =
        select_slots({selection.scores, selection.forced, selection.budget, 0, 0});
    if (kept.size() < selection.scores.size()) {
      if (recipe.refit) {
        refit(sequence, layer, head, kept, packings.empty() ? Packing{} : packings[index]);
      } else {
        sequence.cache.head(layer, head).keep(kept, /*compact=*/true);
      }
      if (!sequence.observed.none()) sequence.observed.notes[index].keep(kept);
    }
    if (!recipe.store || recipe.store->guards() == 0) return;
    pin_guards(sequence.cache.head(layer, head), *recipe.store, rows_of(selection.scores, kept, 1));
  });
}

// The kept tokens move to pages with biases. Before, the rest is dropped, so that its pages are free.
void Compressor::refit(Sequence& sequence, int layer, int head, std::span<const int32_t> kept,
                       Packing packing) const {
  HeadSlots& slots = sequence.cache.head(layer, head);
  const auto width = static_cast<size_t>(config_.head_dim), length = static_cast<size_t>(slots.length());
  std::vector<float> keys(length * width), values(length * width);
  std::vector<int32_t> positions(length);
  slots.load_all(keys.data(), values.data());
  std::vector<uint8_t> pinned(length);
  slots.positions(positions);
  slots.pinned(pinned);

  const QueryWindow& window = sequence.observed.window;
  const int queries = std::min(sequence.recipe.refit->queries(), window.filled());
  const auto numbers = static_cast<size_t>(queries) * static_cast<size_t>(window.query_stride());
  const Refitted refitted = sequence.recipe.refit->refit({static_cast<int>(length),
                                                          config_.query_heads / config_.kv_heads,
                                                          config_.head_dim,
                                                          config_.attention_scale,
                                                          positions,
                                                          keys,
                                                          values,
                                                          {window.queries(layer, head, queries), numbers},
                                                          window.positions(queries),
                                                          kept});
  slots.keep(kept, /*compact=*/true);
  const std::vector<float> kept_keys = rows_of(keys, kept, width);
  const std::vector<float> kept_values =
      refitted.values.empty() ? rows_of(values, kept, width) : refitted.values;
  std::vector<int32_t> kept_positions;
  for (const int32_t slot : kept) kept_positions.push_back(positions[static_cast<size_t>(slot)]);
  const auto stride = static_cast<int64_t>(width);
  HeadSlots made(&biased_.pages, &biased_.form, packing,
                 static_cast<uint64_t>(layer) * config_.kv_heads + head);
  made.append(kept_positions, kept_keys.data(), stride, kept_values.data(), stride);
  for (size_t i = 0; i < kept.size(); ++i) {
    made.set_bias(static_cast<int32_t>(i), refitted.bias[i]);
    if (pinned[static_cast<size_t>(kept[i])] != 0) made.pin(static_cast<int32_t>(i), true);
  }
  sequence.cache.replace(layer, head, std::move(made));
}

}  // namespace kvcompress
