#include "engine/observations.h"

#include <algorithm>  // std::fill, std::min

#include "policy/scoring/form_kernels.h"  // kGramStride
#include "policy/scoring/row_forms.h"     // gram

namespace kvcompress {
namespace {

// Values are of the first slots; tokens that came later (a question after a replayed prompt) have none.
void keep_in(std::vector<float>& values, std::span<const int32_t> live_indices) {
  size_t next = 0;
  for (const int32_t live : live_indices) {
    if (static_cast<size_t>(live) >= values.size()) break;
    values[next++] = values[static_cast<size_t>(live)];
  }
  values.resize(next);
}

void drop_from(std::vector<float>& values, int32_t live_index) {
  if (static_cast<size_t>(live_index) < values.size()) values.erase(values.begin() + live_index);
}

// Of the first `width` columns of rows that are `stride` apart: in float over a few rows, then in double.
std::vector<double> column_means(std::span<const float> rows, size_t stride, size_t width) {
  constexpr size_t kRun = 64;
  const size_t count = rows.size() / stride;
  std::vector<double> means(width);
  std::vector<float> sums(width);
  for (size_t first = 0; first < count; first += kRun) {
    std::fill(sums.begin(), sums.end(), 0.0F);
    for (size_t row = first; row < std::min(first + kRun, count); ++row) {
      for (size_t c = 0; c < width; ++c) sums[c] += rows[row * stride + c];
    }
    for (size_t c = 0; c < width; ++c) means[c] += sums[c];
  }
  for (double& mean : means) mean /= static_cast<double>(count);
  return means;
}

}  // namespace

void SlotNotes::keep(std::span<const int32_t> live_indices) {
  for (std::vector<float>* values : {&scores, &sums, &chunk, &gate, &replay}) keep_in(*values, live_indices);
}

void SlotNotes::drop(int32_t live_index) {
  for (std::vector<float>* values : {&scores, &sums, &chunk, &gate, &replay}) drop_from(*values, live_index);
}

int QueryMoments::stride(int head_dim) { return (head_dim + kGramStride - 1) / kGramStride * kGramStride; }

// Products in float32 are of queries around a centre c: biases can be a hundred times what varies, and would
// swallow it. With the queries' mean m, sum of q q^T = sum of (q - c)(q - c)^T + n (c m^T + m c^T - c c^T).
void QueryMoments::add(std::span<float> queries, int head_dim) {
  const auto width = static_cast<size_t>(head_dim), step = static_cast<size_t>(stride(head_dim));
  const size_t rows = queries.size() / step;
  if (rows == 0) return;
  sum.resize(width);
  products.resize(width * width);
  const std::vector<double> mean = column_means(queries, step, width);
  const std::vector<float> centre(mean.begin(), mean.end());
  for (size_t row = 0; row < rows; ++row) {
    for (size_t c = 0; c < width; ++c) queries[row * step + c] -= centre[c];
  }
  const std::vector<double> centred = gram(queries, static_cast<int>(step));
  const auto n = static_cast<double>(rows);
  for (size_t i = 0; i < width; ++i) {
    sum[i] += n * mean[i];
    const double off = n * (mean[i] - centre[i]), whole = n * centre[i];
    for (size_t j = 0; j < width; ++j) {
      products[i * width + j] += centred[i * step + j] + whole * mean[j] + off * centre[j];
    }
  }
  count += static_cast<int64_t>(rows);
}

void QueryMoments::mean(std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0F);
  for (size_t c = 0; c < sum.size(); ++c) out[c] = static_cast<float>(sum[c] / static_cast<double>(count));
}

void QueryMoments::covariance(std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0F);
  const auto n = static_cast<double>(count);
  for (size_t i = 0; i < sum.size(); ++i) {
    for (size_t j = 0; j < sum.size(); ++j) {
      out[i * sum.size() + j] =
          static_cast<float>(products[i * sum.size() + j] / n - (sum[i] / n) * (sum[j] / n));
    }
  }
}

Observations::Observations(const ScoreNeeds& wanted, int capacity, const ModelConfig& config)
    : needs(wanted), notes(static_cast<size_t>(config.layers) * config.kv_heads) {
  if (capacity > 0) {
    window = QueryWindow(capacity, config.layers, config.kv_heads, config.query_heads / config.kv_heads,
                         config.head_dim);
  }
  if (needs.query_moments) moments.resize(static_cast<size_t>(config.layers) * config.query_heads);
}

void Observations::narrow(const ScoreNeeds& wanted) {
  needs = wanted;
  for (SlotNotes& note : notes) {
    if (!needs.attention_sums) note.sums.clear();
    if (needs.chunk_attention == 0) note.chunk.clear();
    if (!needs.gate) note.gate.clear();
    if (needs.replay_chunk == 0) note.replay.clear();
  }
  if (!needs.query_moments) moments.clear();
  if (needs.replay_chunk == 0) tokens.clear();
}

}  // namespace kvcompress
