#include "policy/scoring/reference_rows.h"

#include <Eigen/Core>  // Eigen::Matrix
#include <algorithm>   // std::min
#include <cmath>       // std::exp
#include <limits>      // std::numeric_limits

namespace kvcompress {
namespace {

using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMap = Eigen::Map<const Rows>;

// Rows of weights over all slots that are held at once: a head of a long text need not have them all.
constexpr Eigen::Index kBlock = 64;

ConstMap map(std::span<const float> numbers, Eigen::Index rows, Eigen::Index columns) {
  return {numbers.data(), rows, columns};
}

}  // namespace

ReferenceRows reference_rows(const RefitInput& input) {
  const auto kept = static_cast<Eigen::Index>(input.kept.size());
  ReferenceRows out;
  out.count = static_cast<int>(input.query_positions.size()) * input.group;
  out.weights.resize(static_cast<size_t>(out.count) * input.kept.size());
  out.output.resize(static_cast<size_t>(out.count) * input.head_dim);
  const ConstMap keys = map(input.keys, input.slots, input.head_dim);
  const ConstMap values = map(input.values, input.slots, input.head_dim);
  const ConstMap queries = map(input.queries, out.count, input.head_dim);
  Eigen::Map<Rows> weights(out.weights.data(), out.count, kept);
  Eigen::Map<Rows> output(out.output.data(), out.count, input.head_dim);
  for (Eigen::Index first = 0; first < out.count; first += kBlock) {
    const Eigen::Index count = std::min<Eigen::Index>(kBlock, out.count - first);
    Rows all = input.attention_scale * (queries.middleRows(first, count) * keys.transpose());
    for (Eigen::Index row = 0; row < count; ++row) {
      const int32_t position = input.query_positions[static_cast<size_t>((first + row) / input.group)];
      for (int slot = input.slots - 1; slot >= 0 && input.positions[slot] > position; --slot) {
        all(row, slot) = -std::numeric_limits<float>::infinity();
      }
      all.row(row).array() = (all.row(row).array() - all.row(row).maxCoeff()).exp();
      all.row(row) /= all.row(row).sum();
      for (Eigen::Index j = 0; j < kept; ++j) weights(first + row, j) = all(row, input.kept[j]);
    }
    output.middleRows(first, count).noalias() = all * values;
  }
  return out;
}

void bias_weights(ReferenceRows& rows, std::span<const float> bias) {
  const auto kept = static_cast<Eigen::Index>(bias.size());
  Eigen::Map<Rows> weights(rows.weights.data(), rows.count, kept);
  const Eigen::ArrayXf factors = Eigen::Map<const Eigen::ArrayXf>(bias.data(), kept).exp();
  for (Eigen::Index row = 0; row < rows.count; ++row) {
    weights.row(row).array() *= factors.transpose();
    const float sum = weights.row(row).sum();
    // A query that sees no kept slot teaches nothing.
    if (sum > 0) weights.row(row) /= sum;
  }
}

std::vector<float> missing_output(const ReferenceRows& rows, std::span<const float> values, int head_dim) {
  const auto kept = static_cast<Eigen::Index>(values.size()) / head_dim;
  std::vector<float> missing(rows.output);
  Eigen::Map<Rows>(missing.data(), rows.count, head_dim).noalias() -=
      map(rows.weights, rows.count, kept) * map(values, kept, head_dim);
  return missing;
}

}  // namespace kvcompress
