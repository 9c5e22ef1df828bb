#include "engine/observations.h"

#include <algorithm>  // std::fill

#include "compute/matrix.h"  // multiply_transposed

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

}  // namespace

void SlotNotes::keep(std::span<const int32_t> live_indices) {
  for (std::vector<float>* values : {&scores, &sums, &chunk, &gate, &replay}) keep_in(*values, live_indices);
}

void SlotNotes::drop(int32_t live_index) {
  for (std::vector<float>* values : {&scores, &sums, &chunk, &gate, &replay}) drop_from(*values, live_index);
}

void QueryMoments::add(const float* queries, int rows, int head_dim) {
  const auto width = static_cast<size_t>(head_dim);
  sum.resize(width);
  products.resize(width * width);
  std::vector<double> mean(width);
  for (int row = 0; row < rows; ++row) {
    for (size_t c = 0; c < width; ++c) mean[c] += queries[static_cast<size_t>(row) * width + c];
  }
  for (double& m : mean) m /= rows;
  // Products in float32 are of the centred queries: biases can be a hundred times what varies, and would
  // swallow it.
  std::vector<float> columns(width * rows), squares(width * width);
  for (int row = 0; row < rows; ++row) {
    for (size_t c = 0; c < width; ++c) {
      columns[c * rows + row] = static_cast<float>(queries[static_cast<size_t>(row) * width + c] - mean[c]);
    }
  }
  const Matrix transposed{columns.data(), head_dim, rows, rows};
  multiply_transposed(transposed, transposed, squares.data(), head_dim);
  for (size_t i = 0; i < width; ++i) {
    sum[i] += rows * mean[i];
    for (size_t j = 0; j < width; ++j)
      products[i * width + j] += squares[i * width + j] + rows * mean[i] * mean[j];
  }
  count += rows;
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
