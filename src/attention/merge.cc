#include "attention/merge.h"

#include <algorithm>  // std::fill, std::max
#include <cmath>      // std::exp2, std::log2
#include <limits>     // std::numeric_limits

#include "attention/kernels.h"  // partial layout
#include "codec/page_form.h"    // padded_head_dim

namespace kvcompress {

float merge_partials(const float* partials, int count, int stride, int head_dim, float* output) {
  const int padded = padded_head_dim(head_dim);
  float maximum = kNoMaximum;
  for (int i = 0; i < count; ++i) maximum = std::max(maximum, partials[i * stride + padded]);

  std::fill(output, output + head_dim, 0.0f);
  float sum = 0;
  for (int i = 0; i < count; ++i) {
    const float* partial = partials + i * stride;
    const float weight = std::exp2(partial[padded] - maximum);
    sum += weight * partial[padded + 1];
    for (int c = 0; c < head_dim; ++c) output[c] += weight * partial[c];
  }
  if (!(sum > 0)) return -std::numeric_limits<float>::infinity();
  const float inverse = 1 / sum;
  for (int c = 0; c < head_dim; ++c) output[c] *= inverse;
  return (maximum + std::log2(sum)) * kLn2;
}

}  // namespace kvcompress
