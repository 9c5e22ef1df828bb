#include "engine/replay_scores.h"

#include <algorithm>  // std::copy_n, std::fill
#include <limits>     // std::numeric_limits

#include "compute/matrix.h"           // multiply_transposed, softmax, raise_to
#include "engine/parallel_checked.h"  // parallel_checked

namespace kvcompress {
namespace {

// The keys (or values) that a replayed query sees: sinks, the part, and the pass so far. Nothing was evicted,
// so the live index of a token is its position.
std::vector<float> seen_rows(const std::vector<float>& all, const ReplayTarget& target, int64_t width) {
  std::vector<float> rows;
  const auto take = [&](int64_t first, int64_t last) {
    rows.insert(rows.end(), all.begin() + first * width, all.begin() + last * width);
  };
  take(0, target.sinks);
  take(target.first, target.last);
  take(target.begin, static_cast<int64_t>(all.size()) / width);
  return rows;
}

struct ReplayedHead {
  const ReplayTarget* target;
  const float* queries;  // of one query head, `stride` apart
  int64_t stride;
  const int32_t* positions;
  int count;
  const float* value_norms;  // [part] of W_O v, or nullptr
  float scale;
};

void raise_scores(const ReplayedHead& head, const std::vector<float>& keys, int64_t width, float* scores) {
  const auto seen = static_cast<int64_t>(keys.size()) / width;
  const int64_t part = head.target->last - head.target->first;
  const int64_t own = head.target->sinks + part;  // where the pass's keys begin
  std::vector<float> logits(static_cast<size_t>(head.count * seen));
  multiply_transposed({head.queries, head.count, width, head.stride}, {keys.data(), seen, width, width},
                      logits.data(), seen);
  for (int i = 0; i < head.count; ++i) {
    float* row = logits.data() + i * seen;
    const int64_t visible = own + head.positions[i] - head.target->begin + 1;
    for (int64_t j = 0; j < visible; ++j) row[j] *= head.scale;
    softmax(row, visible);
    float* weights = row + head.target->sinks;
    float factor = 1;
    if (head.value_norms != nullptr) {
      for (int64_t j = 0; j < part; ++j) weights[j] *= head.value_norms[j];
      factor = 1 / std::max(head.target->input_norms[static_cast<size_t>(i)], 1e-12F);
    }
    raise_to(weights, factor, part, scores);
  }
}

}  // namespace

void note_replay(int layer, const ObservedRows& segment, const LayerRows& rows, const ModelConfig& config,
                 const FeatureReader& reader, ThreadPool& pool) {
  const ReplayTarget& target = *segment.sequence->observed.replay;
  const int64_t width = config.head_dim, stride = config.query_heads * width;
  const int group = config.query_heads / config.kv_heads;
  const auto heads = static_cast<size_t>(config.kv_heads);
  // Scores of each query head apart, so that heads can run side by side.
  std::vector<std::vector<float>> scores(static_cast<size_t>(config.query_heads));
  parallel_checked(pool, config.query_heads, [&](int64_t query_head) {
    const int head = static_cast<int>(query_head) / group;
    const HeadSlots& slots = segment.sequence->cache.head(layer, head);
    const auto length = static_cast<size_t>(slots.length());
    std::vector<float> keys(length * width), values(target.normalised ? length * width : 0);
    slots.load_all(keys.data(), target.normalised ? values.data() : nullptr);
    std::vector<float> norms;
    if (target.normalised) {
      const std::span<const float> part(values.data() + target.first * width,
                                        static_cast<size_t>(target.last - target.first) * width);
      norms = reader.projected_norms(layer, static_cast<int>(query_head), part, ValueProjection::l2);
    }
    std::vector<float>& out = scores[static_cast<size_t>(query_head)];
    out.assign(static_cast<size_t>(target.last - target.first), 0.0F);
    raise_scores({&target, rows.queries + segment.row * stride + query_head * width, stride,
                  rows.positions + segment.row, segment.count, norms.empty() ? nullptr : norms.data(),
                  config.attention_scale},
                 seen_rows(keys, target, width), width, out.data());
  });
  for (int query_head = 0; query_head < config.query_heads; ++query_head) {
    std::vector<float>& replay =
        (*target.notes)[static_cast<size_t>(layer) * heads + query_head / group].replay;
    raise_to(scores[query_head].data(), 1, target.last - target.first, replay.data() + target.first);
  }
}

}  // namespace kvcompress
