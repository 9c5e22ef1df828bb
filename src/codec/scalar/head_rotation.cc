#include "codec/scalar/head_rotation.h"

#include <algorithm>  // std::copy_n, std::fill_n

#include "base/random.h"  // philox4x32

namespace kvcompress {
namespace {

std::vector<float> make_signs(int head_dim) {
  std::vector<float> signs;
  for (uint32_t c = 0; c < static_cast<uint32_t>(head_dim); ++c) {
    const uint32_t word = philox4x32({c / 32, 0, 0, 0}, {0, 0})[0];
    signs.push_back((word >> c % 32 & 1) != 0 ? -1.0f : 1.0f);
  }
  return signs;
}

}  // namespace

void transpose(const float* in, int rows, int columns, int64_t in_stride, float* out, int64_t out_stride) {
  for (int row = 0; row < rows; ++row) {
    for (int c = 0; c < columns; ++c) out[c * out_stride + row] = in[row * in_stride + c];
  }
}

HeadRotation::HeadRotation(int head_dim, bool on, const ScalarKernels& kernels)
    : head_dim_(head_dim), on_(on), kernels_(kernels), signs_(make_signs(head_dim)) {}

void HeadRotation::columns(float* x, int lanes, bool back) const {
  if (on_) kernels_.rotate(x, head_dim_, lanes, signs_.data(), back);
}

void HeadRotation::rows(const float* in, int rows, int64_t stride, bool back, float* out,
                        int64_t out_stride) const {
  if (!on_) {
    for (int row = 0; row < rows; ++row) std::copy_n(in + row * stride, head_dim_, out + row * out_stride);
    return;
  }
  const int lanes = (rows + kTile - 1) / kTile * kTile;
  const size_t count = static_cast<size_t>(head_dim_) * lanes;
  static thread_local std::vector<float> turned;  // [head_dim][lanes]
  if (turned.size() < count) turned.resize(count);
  if (lanes > rows) std::fill_n(turned.data(), count, 0.0f);
  transpose(in, rows, head_dim_, stride, turned.data(), lanes);
  columns(turned.data(), lanes, back);
  transpose(turned.data(), head_dim_, rows, lanes, out, out_stride);
}

void HeadRotation::row(float* x, bool back) const {
  // The plain twin takes any number of lanes.
  if (on_) scalar_kernels(Isa::scalar).rotate(x, head_dim_, 1, signs_.data(), back);
}

}  // namespace kvcompress
