#include "eval/attention_probe.h"

#include <algorithm>  // std::min
#include <cmath>      // std::exp, std::sqrt
#include <utility>    // std::exchange

#include "attention/attention.h"  // attend_prefill

namespace kvcompress {

void AttentionSums::add(const AttentionSums& other) {
  hit += other.hit;
  heads += other.heads;
  error += other.error;
  layers += other.layers;
}

// A held budget is compressed again after the step, by what its own observations are then: they go on, with
// the probe's window of queries only where the recipe has none. Steps are single tokens there.
void AttentionProbe::begin(Sequence& sequence) {
  position_ = sequence.cache.next_position;
  recipe_ = std::exchange(sequence.recipe, Recipe{});
  const ModelConfig& config = engine_.config();
  if (!recipe_.evicts() || !recipe_.budget.hold) {
    if (sequence.observed.window.capacity() != kRows) {
      sequence.observed = Observations(ScoreNeeds{}, kRows, config);
    }
  } else if (sequence.observed.window.capacity() == 0) {
    sequence.observed.window =
        QueryWindow(1, config.layers, config.kv_heads, config.query_heads / config.kv_heads, config.head_dim);
  }
}

void AttentionProbe::end(Sequence& sequence) {
  const int rows = sequence.cache.next_position - position_;
  for (int layer = 0; layer < sequence.cache.layers(); layer++) {
    if (sequence.cache.sliding_window(layer) == 0) measure_layer(sequence, layer, rows);
  }
  shadow_.next_position = sequence.cache.next_position;
  sequence.recipe = std::move(recipe_);
}

void AttentionProbe::extend_shadow(const Sequence& sequence, int layer, int head, int rows) {
  const HeadSlots& slots = sequence.cache.head(layer, head);
  const auto width = static_cast<size_t>(engine_.config().head_dim);
  std::vector<float> keys(width * static_cast<size_t>(rows)), values(keys.size());
  std::vector<int32_t> positions;
  for (int row = 0; row < rows; row++) {
    slots.load(slots.length() - rows + row, keys.data() + row * width, values.data() + row * width);
    positions.push_back(position_ + row);
  }
  const auto stride = static_cast<int64_t>(width);
  shadow_.head(layer, head).append(positions, keys.data(), stride, values.data(), stride);
}

void AttentionProbe::measure_layer(const Sequence& sequence, int layer, int rows) {
  const ModelConfig& config = engine_.config();
  const int group = config.query_heads / config.kv_heads;
  const auto row_size = static_cast<size_t>(group) * config.head_dim;
  const size_t head_size = row_size * static_cast<size_t>(rows);
  const QueryWindow& window = sequence.observed.window;
  // [method, shadow][kv_heads][rows][group][head_dim], and the log-sum-exps likewise.
  std::vector<float> outputs(2 * head_size * config.kv_heads);
  std::vector<float> log_sums(2 * static_cast<size_t>(rows) * config.query_heads);
  std::vector<PrefillTask> tasks;
  for (int head = 0; head < config.kv_heads; head++) {
    extend_shadow(sequence, layer, head, rows);
    const HeadSlots* caches[] = {&sequence.cache.head(layer, head), &shadow_.head(layer, head)};
    for (size_t c = 0; c < 2; c++) {
      const size_t place = c * config.kv_heads + head;
      tasks.push_back({.pages = caches[c]->pages(),
                       .queries = window.queries(layer, head, rows),
                       .query_stride = window.query_stride(),
                       .output = outputs.data() + place * head_size,
                       .output_stride = static_cast<int64_t>(row_size),
                       .log_sum_exp = log_sums.data() + place * rows * group,
                       .positions = window.positions(rows).data(),
                       .n_queries = rows});
    }
  }
  const AttentionShape shape{config.head_dim, group, config.attention_scale, /*sliding_window=*/0};
  attend_prefill(tasks, shape, Precision::exact, engine_.threads());

  const size_t half_sums = log_sums.size() / 2, half_outputs = outputs.size() / 2;
  for (size_t i = 0; i < half_sums; i++) {
    sums_.hit += std::min(1.0, std::exp(static_cast<double>(log_sums[i]) - log_sums[half_sums + i]));
  }
  sums_.heads += static_cast<int64_t>(half_sums);
  for (int row = 0; row < rows; row++) {
    double difference = 0, norm = 0;
    for (int head = 0; head < config.kv_heads; head++) {
      const size_t first = head * head_size + static_cast<size_t>(row) * row_size;
      for (size_t i = first; i < first + row_size; i++) {
        const double full = outputs[half_outputs + i], error = outputs[i] - full;
        difference += error * error;
        norm += full * full;
      }
    }
    if (norm > 0) sums_.error += std::sqrt(difference / norm);
  }
  sums_.layers += rows;
}

}  // namespace kvcompress
