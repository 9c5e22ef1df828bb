// Attention on one page of a packed form, beside attention on the numbers that load_page() gives.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>  // std::max_element
#include <cmath>      // std::sqrt, std::exp
#include <string>     // std::string
#include <vector>     // std::vector

#include "codec/scalar_pages.h"  // Bytes, SealedPage, normals

namespace kvcompress {

// Queries or weights, aligned and padded as the interface wants them.
inline Bytes padded_rows(const std::vector<float>& rows, int count, int width, int padded) {
  Bytes out(static_cast<size_t>(count * padded) * sizeof(float));
  std::fill_n(out.floats(), count * padded, 0.0f);
  for (int r = 0; r < count; ++r) std::copy_n(rows.data() + r * width, width, out.floats() + r * padded);
  return out;
}

inline std::vector<float> logits_of(const PackedForm& form, const std::byte* page,
                                    const std::vector<float>& queries, int group, Precision precision,
                                    const std::byte* ahead = nullptr) {
  const Bytes rows = padded_rows(queries, group, form.head_dim(), padded_head_dim(form.head_dim()));
  Bytes prepared(form.query_bytes(group)), logits(sizeof(float) * static_cast<size_t>(group * kPageSlots));
  form.prepare(reinterpret_cast<const float*>(rows.data()), group, precision, prepared.data());
  form.score(page, prepared.data(), group, precision, logits.floats(), ahead);
  return {logits.floats(), logits.floats() + group * kPageSlots};
}

// [group][padded_head_dim]
inline std::vector<float> sums_of(const PackedForm& form, const std::byte* page,
                                  const std::vector<float>& weights, int group, Precision precision,
                                  const std::byte* ahead = nullptr) {
  const Bytes rows = padded_rows(weights, group, kPageSlots, kPageSlots);
  const int width = group * form.sum_floats(), padded = group * padded_head_dim(form.head_dim());
  Bytes sums(sizeof(float) * static_cast<size_t>(width)), out(sizeof(float) * static_cast<size_t>(padded));
  std::fill_n(sums.floats(), width, 0.0f);
  form.accumulate(page, reinterpret_cast<const float*>(rows.data()), group, precision, sums.floats(), ahead);
  form.finish(sums.floats(), group, out.floats());
  return {out.floats(), out.floats() + padded};
}

// left [rows][depths] times x, with x's depths `depth_stride` and lanes `lane_stride` apart, and the same of
// magnitudes, which rounding is to be measured against.
struct Product {
  std::vector<double> sums, magnitudes;
};
inline Product product(const std::vector<float>& left, int rows, int depths, const std::vector<float>& x,
                       int lanes, int depth_stride, int lane_stride) {
  Product out;
  for (int r = 0; r < rows; ++r) {
    for (int lane = 0; lane < lanes; ++lane) {
      double sum = 0, magnitude = 0;
      for (int d = 0; d < depths; ++d) {
        const double term = double{left[static_cast<size_t>(r * depths + d)]} *
                            x[static_cast<size_t>(d * depth_stride + lane * lane_stride)];
        sum += term;
        magnitude += std::abs(term);
      }
      out.sums.push_back(sum);
      out.magnitudes.push_back(magnitude);
    }
  }
  return out;
}

inline Product logits_of(const std::vector<float>& keys, const std::vector<float>& queries, int group) {
  const int dim = static_cast<int>(keys.size()) / kPageSlots;
  return product(queries, group, dim, keys, kPageSlots, 1, dim);
}
inline Product sums_of(const std::vector<float>& values, const std::vector<float>& weights, int group) {
  const int dim = static_cast<int>(values.size()) / kPageSlots;
  return product(weights, group, kPageSlots, values, dim, dim, 1);
}

// Weights as a softmax gives them, some slots hidden.
inline std::vector<float> some_weights(int group, uint64_t seed) {
  std::vector<float> weights = normals(static_cast<size_t>(group * kPageSlots), seed);
  for (float& x : weights) x = std::exp(x - 3);
  for (size_t i = 5; i < weights.size(); i += 11) weights[i] = 0;
  return weights;
}

inline double root_mean_square(const std::vector<float>& a, const std::vector<double>& b, int columns,
                               int stride) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); ++i) {
    const size_t row = i / static_cast<size_t>(columns), column = i % static_cast<size_t>(columns);
    const double error = a[row * static_cast<size_t>(stride) + column] - b[i];
    sum += error * error;
  }
  return std::sqrt(sum / static_cast<double>(b.size()));
}
inline double root_mean_square(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < b.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(b.size()));
}

inline void expect_exact(const PackedForm& form, const SealedPage& sealed, int group,
                         const std::string& what) {
  const int dim = form.head_dim(), padded = padded_head_dim(dim);
  const auto queries = normals(static_cast<size_t>(group * dim), 21), weights = some_weights(group, 22);
  const Product logits = logits_of(sealed.stored_keys, queries, group);
  const auto got = logits_of(form, sealed.page.data(), queries, group, Precision::exact);
  for (size_t i = 0; i < got.size(); ++i) {
    // A rotation mixes channels, so the largest sum of magnitudes stands for all.
    ASSERT_NEAR(got[i], logits.sums[i], 1e-5 * logits.magnitudes[i]) << what << ", group " << group;
  }
  const Product sums = sums_of(sealed.stored_values, weights, group);
  const auto out = sums_of(form, sealed.page.data(), weights, group, Precision::exact);
  for (int r = 0; r < group; ++r) {
    // Here too: turned back, a sum has the rounding of all channels that were turned with it.
    const auto row = sums.magnitudes.begin() + static_cast<std::ptrdiff_t>(r) * dim;
    const double most = *std::max_element(row, row + dim);
    for (int c = 0; c < padded; ++c) {
      const float number = out[static_cast<size_t>(r * padded + c)];
      const size_t at = static_cast<size_t>(r * dim + c);
      if (c >= dim) {
        ASSERT_EQ(number, 0) << what << ": beyond the head";
      } else {
        ASSERT_NEAR(number, sums.sums[at], 1e-5 * most) << what << ", group " << group;
      }
    }
  }
}

}  // namespace kvcompress
