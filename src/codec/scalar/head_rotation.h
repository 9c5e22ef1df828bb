// The orthonormal transform of a head's channels that forms may put before their codes: a fixed random
// pattern of signs and a fast Walsh-Hadamard transform (scalar_form.h says what it is for, and of which
// sizes).
#pragma once

#include <cstdint>  // int64_t
#include <vector>   // std::vector

#include "codec/scalar/kernels.h"  // ScalarKernels

namespace kvcompress {

class HeadRotation {
 public:
  // off: every transform is the identity.
  HeadRotation(int head_dim, bool on, const ScalarKernels& kernels);

  // x: [head_dim][lanes], transformed in place; lanes is a multiple of 16. back: the inverse.
  void columns(float* x, int lanes, bool back) const;
  // Rows of head_dim channels; channels of `out` beyond them are left to the caller.
  void rows(const float* in, int rows, int64_t stride, bool back, float* out, int64_t out_stride) const;
  // One row in place, the same bits as above.
  void row(float* x, bool back) const;

 private:
  const int head_dim_;
  const bool on_;
  const ScalarKernels& kernels_;
  const std::vector<float> signs_;  // [head_dim]
};

// out[c][row] = in[row][c]
void transpose(const float* in, int rows, int columns, int64_t in_stride, float* out, int64_t out_stride);

}  // namespace kvcompress
