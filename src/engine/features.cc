#include "engine/features.h"

#include <algorithm>  // std::min
#include <cmath>      // std::sqrt, std::abs

#include "attention/attention.h"  // capture_scores
#include "compute/matrix.h"       // multiply_transposed, add_scaled, exponentiate
#include "dense/linear.h"         // dequantize_row

namespace kvcompress {
namespace {

std::vector<float> norms_of(std::span<const float> rows, int width) {
  std::vector<float> norms(rows.size() / static_cast<size_t>(width));
  for (size_t i = 0; i < norms.size(); ++i) norms[i] = norm_of(rows.data() + i * width, width);
  return norms;
}

// Brings what lies at [from, from + bytes) closer while something else is computed.
void ask_for(const void* from, size_t bytes) {
  constexpr size_t kLine = 64;
  for (size_t at = 0; at < bytes; at += kLine) __builtin_prefetch(static_cast<const char*>(from) + at, 0, 2);
}

}  // namespace

// Lanes side by side, so that the compiler may use vectors.
float norm_of(const float* row, int width) {
  constexpr int kLanes = 16;
  float lanes[kLanes] = {};
  int c = 0;
  for (; c + kLanes <= width; c += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) lanes[lane] += row[c + lane] * row[c + lane];
  }
  for (; c < width; ++c) lanes[0] += row[c] * row[c];
  float squares = 0;
  for (const float lane : lanes) squares += lane;
  return std::sqrt(squares);
}

FeatureReader::FeatureReader(const Architecture& model, ThreadPool& pool)
    : model_(model), pool_(pool), config_(model.config()), group_(config_.query_heads / config_.kv_heads) {}

std::vector<std::vector<float>> FeatureReader::window_weights(const Sequence& sequence, int layer, int count,
                                                              double log_decay) {
  const QueryWindow& window = sequence.observed.window;
  const std::span<const int32_t> positions = window.positions(count);
  std::vector<std::vector<float>> physical(static_cast<size_t>(config_.kv_heads));
  std::vector<std::vector<float>> log_sums(physical.size());
  std::vector<CaptureTask> tasks;
  for (int head = 0; head < config_.kv_heads; ++head) {
    const std::span<const PageView> pages = sequence.cache.head(layer, head).pages();
    physical[head].resize(pages.size() * kPageSlots * group_);
    // exp(x - lse) * decay^age = exp(x - (lse - age * log decay)).
    const float* lse = window.log_sum_exp(layer, head, count);
    log_sums[head].assign(lse, lse + static_cast<int64_t>(count) * group_);
    for (int i = 0; i < count && log_decay != 0; ++i) {
      const auto lost = static_cast<float>((positions.back() - positions[i]) * log_decay);
      for (int g = 0; g < group_; ++g) log_sums[head][i * group_ + g] -= lost;
    }
    tasks.push_back({pages, window.queries(layer, head, count), window.query_stride(), log_sums[head].data(),
                     positions.data(), count, physical[head].data()});
  }
  const AttentionShape shape{config_.head_dim, group_, config_.attention_scale,
                             config_.sliding_window[static_cast<size_t>(layer)]};
  capture_scores(tasks, shape, pool_);

  std::vector<std::vector<float>> live(physical.size());
  for (int head = 0; head < config_.kv_heads; ++head) {
    const HeadSlots& slots = sequence.cache.head(layer, head);
    std::vector<int32_t> places(static_cast<size_t>(slots.length()));
    slots.slots(places);
    const size_t row = slots.pages().size() * kPageSlots;
    live[head].resize(places.size() * group_);
    for (int g = 0; g < group_; ++g) {
      for (size_t i = 0; i < places.size(); ++i) {
        live[head][g * places.size() + i] = physical[head][g * row + places[i]];
      }
    }
  }
  return live;
}

void FeatureReader::read_cache(const HeadSlots& slots, const ScoreNeeds& needs, HeadFeatures& out) const {
  const auto length = static_cast<size_t>(slots.length());
  const auto width = static_cast<size_t>(config_.head_dim);
  out.positions.resize(length);
  slots.positions(out.positions);
  const bool values = needs.values || needs.value_norms || needs.projection != ValueProjection::none;
  if (needs.keys || needs.key_norms) out.keys.resize(length * width);
  if (values) out.values.resize(length * width);
  if (!out.keys.empty() || values) {
    slots.load_all(out.keys.empty() ? nullptr : out.keys.data(), values ? out.values.data() : nullptr);
  }
  if (needs.key_norms) out.key_norms = norms_of(out.keys, config_.head_dim);
  if (needs.value_norms) out.value_norms = norms_of(out.values, config_.head_dim);
}

std::vector<float> FeatureReader::projected_norms(int layer, int query_head, std::span<const float> values,
                                                  ValueProjection norm) const {
  constexpr int64_t kBlock = 256;  // slots at once
  const Weight& weight = model_.attention_output(layer);
  const int64_t width = config_.head_dim;
  const auto slots = static_cast<int64_t>(values.size()) / width;
  std::vector<float> row(static_cast<size_t>(weight.columns));
  std::vector<float> head_rows(static_cast<size_t>(weight.rows * width));
  for (int64_t r = 0; r < weight.rows; ++r) {
    dequantize_row(weight, r, row.data());
    std::copy_n(row.data() + query_head * width, width, head_rows.data() + r * width);
  }
  std::vector<float> norms(static_cast<size_t>(slots));
  std::vector<float> product(static_cast<size_t>(std::min(kBlock, slots) * weight.rows));
  for (int64_t first = 0; first < slots; first += kBlock) {
    const int64_t count = std::min(kBlock, slots - first);
    multiply_transposed({values.data() + first * width, count, width, width},
                        {head_rows.data(), weight.rows, width, width}, product.data(), weight.rows);
    for (int64_t i = 0; i < count; ++i) {
      float sum = 0;
      for (int64_t r = 0; r < weight.rows; ++r) {
        const float x = product[i * weight.rows + r];
        sum += norm == ValueProjection::l1 ? std::abs(x) : x * x;
      }
      norms[first + i] = norm == ValueProjection::l1 ? sum : std::sqrt(sum);
    }
  }
  return norms;
}

void FeatureReader::read_observed(const Sequence& sequence, int layer, int head, const ScoreNeeds& needs,
                                  HeadFeatures& out) const {
  const SlotNotes none;
  const Observations& observed = sequence.observed;
  const size_t index = static_cast<size_t>(layer) * config_.kv_heads + head;
  const SlotNotes& notes = observed.none() ? none : observed.notes[index];
  if (needs.attention_sums) out.input.attention_sums = notes.sums;
  if (needs.chunk_attention > 0) out.input.chunk_attention = notes.chunk;
  if (needs.gate) out.input.gate = notes.gate;
  if (needs.replay_chunk > 0) out.input.replay = notes.replay;
  if (needs.query_moments && !observed.moments.empty()) {
    const auto width = static_cast<size_t>(config_.head_dim);
    out.query_mean.resize(group_ * width);
    out.query_covariance.resize(group_ * width * width);
    for (int g = 0; g < group_; ++g) {
      const size_t query_head = static_cast<size_t>(layer) * config_.query_heads + head * group_ + g;
      observed.moments[query_head].mean({out.query_mean.data() + g * width, width});
      observed.moments[query_head].covariance(
          {out.query_covariance.data() + g * width * width, width * width});
    }
  }
  for (int g = 0; g < group_ && needs.projection != ValueProjection::none; ++g) {
    const auto norms = projected_norms(layer, head * group_ + g, out.values, needs.projection);
    out.projected_norms.resize(norms.size());
    add_scaled(norms.data(), 1.0F / static_cast<float>(group_), static_cast<int64_t>(norms.size()),
               out.projected_norms.data());
  }
}

std::vector<float> FeatureReader::decoded_weights(const Sequence& sequence, int layer, int head) const {
  const Observations& observed = sequence.observed;
  const float* logits = observed.decode_logits[static_cast<size_t>(layer)].data();
  for (int before = 0; before < head; ++before) {
    logits += sequence.cache.head(layer, before).pages().size() * kPageSlots * group_;
  }
  const HeadSlots& slots = sequence.cache.head(layer, head);
  const size_t row = slots.pages().size() * kPageSlots;
  static thread_local std::vector<int32_t> places;
  places.resize(static_cast<size_t>(slots.length()));
  slots.slots(places);
  const float* log_sum_exp = observed.window.log_sum_exp(layer, head, 1);
  std::vector<float> weights(places.size() * group_);
  for (int g = 0; g < group_; ++g) {
    float* out = weights.data() + g * places.size();
    const float* from = logits + g * row;
    for (size_t i = 0; i < places.size(); ++i) out[i] = from[places[i]];
    exponentiate(out, static_cast<int64_t>(places.size()), log_sum_exp[g]);
  }
  return weights;
}

bool FeatureReader::reads_inline(const Sequence& sequence) {
  return sequence.observed.decode_logits_fresh && sequence.observed.wants_decode_logits();
}

void FeatureReader::ask_for_layer(const Sequence& sequence, int layer) const {
  for (int head = 0; head < config_.kv_heads; ++head) {
    for (const PageView& page : sequence.cache.head(layer, head).pages()) {
      ask_for(page.positions, sizeof(int32_t) * page.used);
    }
  }
  const std::vector<float>& logits = sequence.observed.decode_logits[static_cast<size_t>(layer)];
  ask_for(logits.data(), sizeof(float) * logits.size());
}

std::vector<HeadFeatures> FeatureReader::read_inline(const Sequence& sequence, int layer,
                                                     const ScoreNeeds& needs) const {
  std::vector<HeadFeatures> heads(static_cast<size_t>(config_.kv_heads));
  for (int head = 0; head < config_.kv_heads; ++head) {
    HeadFeatures& out = heads[static_cast<size_t>(head)];
    if (needs.attention_window == 1) {
      out.window_weights = decoded_weights(sequence, layer, head);
      out.input.window_queries = 1;
    }
    read_head(sequence, layer, head, needs, out);
  }
  return heads;
}

std::vector<HeadFeatures> FeatureReader::read(const Sequence& sequence, int layer, const ScoreNeeds& needs) {
  std::vector<HeadFeatures> heads(static_cast<size_t>(config_.kv_heads));
  const int queries = std::min(needs.attention_window, sequence.observed.window.filled());
  std::vector<std::vector<float>> weights;
  if (queries > 0) weights = window_weights(sequence, layer, queries, 0);
  pool_.parallel_for(config_.kv_heads, [&](int64_t head, int) {
    HeadFeatures& out = heads[static_cast<size_t>(head)];
    if (queries > 0) out.window_weights = std::move(weights[static_cast<size_t>(head)]);
    out.input.window_queries = queries;
    read_head(sequence, layer, static_cast<int>(head), needs, out);
  });
  return heads;
}

void FeatureReader::read_head(const Sequence& sequence, int layer, int head, const ScoreNeeds& needs,
                              HeadFeatures& out) const {
  const HeadSlots& slots = sequence.cache.head(layer, head);
  read_cache(slots, needs, out);
  read_observed(sequence, layer, head, needs, out);
  ScoreInput& input = out.input;
  input.layer = layer;
  input.kv_head = head;
  input.slots = slots.length();
  input.group = group_;
  input.head_dim = config_.head_dim;
  input.attention_scale = config_.attention_scale;
  input.tokens_seen = sequence.cache.next_position;
  input.positions = out.positions;
  if (needs.keys) input.keys = out.keys;
  if (needs.values) input.values = out.values;
  input.key_norms = out.key_norms;
  input.value_norms = out.value_norms;
  input.window_weights = out.window_weights;
  input.query_mean = out.query_mean;
  input.query_covariance = out.query_covariance;
  input.projected_norms = out.projected_norms;
  input.rotation = model_.rotation(layer);
}

}  // namespace kvcompress
