#include "engine/observer.h"

#include <algorithm>  // std::min
#include <cmath>      // std::cos, std::sin, std::sqrt

#include "compute/matrix.h"        // multiply_transposed, softmax, add_scaled
#include "dense/row_kernels.h"     // row_kernels
#include "engine/replay_scores.h"  // note_replay

namespace kvcompress {
namespace {

// Layers with a sliding window are never compressed, so nobody asks for what happens there.
bool slides(const ModelConfig& config, int layer) {
  return config.sliding_window[static_cast<size_t>(layer)] > 0;
}

bool watched(const Sequence& sequence) {
  return !sequence.observed.none() && (!sequence.compressed || sequence.recipe.budget.hold);
}

SlotNotes& notes_of(const ObservedRows& segment, int layer, int head) {
  const auto heads = static_cast<size_t>(segment.sequence->cache.kv_heads());
  return segment.sequence->observed.notes[static_cast<size_t>(layer) * heads + head];
}

// Brings a row to unit root mean square. Blocks are summed in float, side by side, and joined in double.
float unit_scale(const float* row, int64_t size) {
  constexpr int kLanes = 16;
  float lanes[kLanes] = {};
  int64_t c = 0;
  for (; c + kLanes <= size; c += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += row[c + lane] * row[c + lane];
  }
  double squares = 0;
  for (; c < size; ++c) squares += double{row[c]} * row[c];
  for (const float lane : lanes) squares += lane;
  return static_cast<float>(1 / std::sqrt(squares / static_cast<double>(size) + 1e-12));
}

}  // namespace

Observer::Observer(const Architecture& model, ThreadPool& pool)
    : model_(model),
      pool_(pool),
      config_(model.config()),
      group_(config_.query_heads / config_.kv_heads),
      reader_(model, pool) {}

void Observer::before_layer(int layer, std::span<const ObservedRows> segments, const float* residual) {
  sums_.clear();
  if (slides(config_, layer)) return;
  for (const ObservedRows& segment : segments) {
    Observations& observed = segment.sequence->observed;
    if (observed.replay && observed.replay->normalised) note_input_norms(segment, residual);
    if (observed.inputs) note_inputs(layer, segment, residual);
    if (watched(*segment.sequence) && observed.needs.gate) note_gate(layer, segment, residual);
  }
}

void Observer::note_input_norms(const ObservedRows& segment, const float* residual) {
  std::vector<float>& norms = segment.sequence->observed.replay->input_norms;
  norms.resize(static_cast<size_t>(segment.count));
  for (int row = 0; row < segment.count; ++row) {
    const float* x = residual + static_cast<int64_t>(segment.row + row) * config_.hidden;
    double squares = 0;
    for (int c = 0; c < config_.hidden; ++c) squares += double{x[c]} * x[c];
    norms[row] = static_cast<float>(std::sqrt(squares));
  }
}

void Observer::note_inputs(int layer, const ObservedRows& segment, const float* residual) {
  std::vector<std::vector<float>>& inputs = segment.sequence->observed.inputs->rows;
  inputs.resize(static_cast<size_t>(config_.layers));
  std::vector<float>& rows = inputs[static_cast<size_t>(layer)];
  for (int row = 0; row < segment.count; ++row) {
    const float* x = residual + static_cast<int64_t>(segment.row + row) * config_.hidden;
    const float scale = unit_scale(x, config_.hidden);
    for (int c = 0; c < config_.hidden; ++c) rows.push_back(x[c] * scale);
  }
}

// The input is brought to unit root mean square first, so that a gate sees directions, as attention does.
void Observer::note_gate(int layer, const ObservedRows& segment, const float* residual) {
  const Calibration& gate = *segment.sequence->recipe.calibration("gate");
  const int64_t layers = config_.layers, heads = config_.kv_heads, hidden = config_.hidden;
  const float* weights = gate.array("weights", {layers, heads, hidden}).data() + layer * heads * hidden;
  const float* biases = gate.array("biases", {layers, heads}).data() + layer * heads;
  const auto rows = static_cast<size_t>(segment.count);
  std::vector<float> scores(rows * heads);
  const float* input = residual + static_cast<int64_t>(segment.row) * hidden;
  multiply_transposed({input, segment.count, hidden, hidden}, {weights, heads, hidden, hidden}, scores.data(),
                      heads);
  for (size_t row = 0; row < rows; ++row) {
    const float scale = unit_scale(input + row * hidden, hidden);
    for (int head = 0; head < heads; ++head) {
      notes_of(segment, layer, head).gate.push_back(scores[row * heads + head] * scale + biases[head]);
    }
  }
}

float* Observer::column_sums(int layer, const ObservedRows& segment) {
  const Observations& observed = segment.sequence->observed;
  if (slides(config_, layer) || !segment.prefill || !watched(*segment.sequence) ||
      !observed.needs.attention_sums || observed.needs.attention_decay != 1) {
    return nullptr;
  }
  size_t slots = 0;
  for (int head = 0; head < config_.kv_heads; ++head) {
    slots += segment.sequence->cache.head(layer, head).pages().size() * kPageSlots;
  }
  sums_.push_back({segment.sequence, std::vector<float>(slots * group_)});
  return sums_.back().values.data();
}

float* Observer::decode_logits(int layer, const ObservedRows& segment) {
  Observations& observed = segment.sequence->observed;
  if (slides(config_, layer) || segment.prefill || !observed.wants_decode_logits() ||
      !watched(*segment.sequence)) {
    return nullptr;
  }
  size_t slots = 0;
  for (int head = 0; head < config_.kv_heads; ++head) {
    slots += segment.sequence->cache.head(layer, head).pages().size() * kPageSlots;
  }
  observed.decode_logits.resize(static_cast<size_t>(config_.layers));
  observed.decode_logits[static_cast<size_t>(layer)].resize(slots * group_);
  return observed.decode_logits[static_cast<size_t>(layer)].data();
}

void Observer::note_sums(int layer, const ObservedRows& segment) {
  const float* from = nullptr;
  for (const Sums& sums : sums_) {
    if (sums.sequence == segment.sequence) from = sums.values.data();
  }
  if (from == nullptr) return;
  for (int head = 0; head < config_.kv_heads; ++head) {
    const HeadSlots& slots = segment.sequence->cache.head(layer, head);
    const size_t row = slots.pages().size() * kPageSlots;
    std::vector<int32_t> physical(static_cast<size_t>(slots.length()));
    slots.slots(physical);
    std::vector<float>& sums = notes_of(segment, layer, head).sums;
    sums.resize(physical.size());
    for (size_t live = 0; live < physical.size(); ++live) {
      for (int g = 0; g < group_; ++g) sums[live] += from[g * row + physical[live]];
    }
    from += row * group_;
  }
}

// Compactor's non-causal attention (arXiv:2507.08143, section 3.2): every query of a chunk sees every key of
// it. Chunks begin with the step, so their bounds follow from the prefill chunk.
void Observer::note_chunks(int layer, const ObservedRows& segment, const LayerRows& rows) {
  const int most = segment.sequence->observed.needs.chunk_attention;
  const int64_t width = config_.head_dim;
  const int64_t key_stride = config_.kv_heads * width, query_stride = config_.query_heads * width;
  pool_.parallel_for(config_.kv_heads, [&](int64_t head, int) {
    std::vector<float>& out = notes_of(segment, layer, static_cast<int>(head)).chunk;
    std::vector<float> weights(static_cast<size_t>(most) * most);
    for (int first = 0; first < segment.count; first += most) {
      const int count = std::min(most, segment.count - first);
      std::vector<float> sums(static_cast<size_t>(count));
      const float* keys = rows.keys + (segment.row + first) * key_stride + head * width;
      for (int g = 0; g < group_; ++g) {
        const float* queries =
            rows.queries + (segment.row + first) * query_stride + (head * group_ + g) * width;
        multiply_transposed({queries, count, width, query_stride}, {keys, count, width, key_stride},
                            weights.data(), count);
        for (int i = 0; i < count; ++i) {
          float* row = weights.data() + static_cast<size_t>(i) * count;
          for (int j = 0; j < count; ++j) row[j] *= config_.attention_scale;
          softmax(row, count);
          add_scaled(row, 1.0F / static_cast<float>(group_), count, sums.data());
        }
      }
      out.insert(out.end(), sums.begin(), sums.end());
    }
  });
}

void Observer::prepare_unrotation(const Rotation& rotation, const ObservedRows& segment,
                                  const int32_t* positions) {
  if (unrotation_of_ == rotation.frequencies.data() && unrotation_row_ == segment.row) return;
  unrotation_of_ = rotation.frequencies.data();
  unrotation_row_ = segment.row;
  const size_t pairs = rotation.frequencies.size();
  cosines_.resize(pairs * segment.count);
  sines_.resize(cosines_.size());
  for (int row = 0; row < segment.count; ++row) {
    for (size_t pair = 0; pair < pairs; ++pair) {
      const double angle = -rotation.frequencies[pair] * positions[segment.row + row];
      cosines_[row * pairs + pair] = static_cast<float>(std::cos(angle));
      sines_[row * pairs + pair] = static_cast<float>(std::sin(angle));
    }
  }
}

void Observer::note_moments(int layer, const ObservedRows& segment, const LayerRows& rows) {
  Observations& observed = segment.sequence->observed;
  const Rotation rotation = model_.rotation(layer);
  prepare_unrotation(rotation, segment, rows.positions);
  const size_t pairs = rotation.frequencies.size();
  // The first tokens are sinks whose queries are like no others.
  const int skipped = std::clamp(observed.needs.query_skip - rows.positions[segment.row], 0, segment.count);
  if (skipped == segment.count) return;
  const auto turn =
      rotation.halves ? row_kernels(active_isa()).rotate_halves : row_kernels(active_isa()).rotate_adjacent;
  const auto step = static_cast<size_t>(QueryMoments::stride(config_.head_dim));
  pool_.parallel_for(config_.query_heads, [&](int64_t head, int) {
    static thread_local std::vector<float> queries;
    queries.assign(step * (segment.count - skipped), 0.0F);
    float* q = queries.data();
    for (int row = skipped; row < segment.count; ++row, q += step) {
      const int64_t from = static_cast<int64_t>(segment.row + row) * config_.query_heads + head;
      std::copy_n(rows.queries + from * config_.head_dim, config_.head_dim, q);
      turn(&cosines_[row * pairs], &sines_[row * pairs], static_cast<int>(pairs), q);
    }
    const size_t index = static_cast<size_t>(layer) * config_.query_heads + head;
    observed.moments[index].add(queries, config_.head_dim);
  });
}

void Observer::after_attention(int layer, std::span<const ObservedRows> segments, const LayerRows& rows) {
  const int64_t stride = static_cast<int64_t>(config_.query_heads) * config_.head_dim;
  for (const ObservedRows& segment : segments) {
    Observations& observed = segment.sequence->observed;
    if (observed.replay && !slides(config_, layer)) {
      note_replay(layer, segment, rows, config_, reader_, pool_);
    }
    if (!watched(*segment.sequence)) continue;
    if (observed.window.capacity() > 0) {
      observed.window.push(layer, segment.count, rows.queries + segment.row * stride, stride,
                           rows.log_sum_exp + static_cast<int64_t>(segment.row) * config_.query_heads);
    }
    if (slides(config_, layer)) continue;
    if (observed.needs.attention_sums) note_sums(layer, segment);
    if (observed.needs.query_moments) note_moments(layer, segment, rows);
    if (observed.needs.chunk_attention > 0 && segment.prefill) note_chunks(layer, segment, rows);
  }
}

void Observer::after_step(std::span<const ObservedRows> segments, std::span<const int32_t> tokens,
                          std::span<const int32_t> positions) {
  unrotation_of_ = nullptr;
  for (const ObservedRows& segment : segments) {
    if (!watched(*segment.sequence)) continue;
    Observations& observed = segment.sequence->observed;
    if (observed.window.capacity() > 0) {
      observed.window.advance(positions.subspan(segment.row, segment.count));
    }
    // Without decay the prefill kernel has summed a chunk's queries already.
    if (!segment.prefill || observed.needs.attention_decay != 1) observed.unsummed += segment.count;
    observed.decode_logits_fresh = !segment.prefill && observed.wants_decode_logits();
    if (observed.needs.replay_chunk > 0) {
      const auto read = tokens.subspan(segment.row, segment.count);
      observed.tokens.insert(observed.tokens.end(), read.begin(), read.end());
    }
  }
}

}  // namespace kvcompress
