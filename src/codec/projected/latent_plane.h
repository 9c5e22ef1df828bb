// The latents of one page's keys or values: a matrix that is multiplied from the left, as f16 or as the codes
// of the scalar form (codec/scalar/layout.h).
#pragma once

#include <cstddef>  // std::byte, size_t, ptrdiff_t
#include <cstdint>  // int64_t

#include "codec/scalar/layout.h"  // Plane
#include "compute/isa.h"          // Isa, active_isa
#include "compute/precision.h"    // Precision

namespace kvcompress {

class LatentPlane {
 public:
  static LatentPlane keys(int bits, int rank, Isa isa = active_isa());    // [rank][kPageSlots]
  static LatentPlane values(int bits, int rank, Isa isa = active_isa());  // [kPageSlots][rank]

  size_t bytes() const { return bytes_; }  // a multiple of 64
  int depths() const { return plane_.depths; }
  int lanes() const { return plane_.lanes; }

  // x: [depths][lanes]. f16 clamps to +-65504.
  void encode(const float* x, std::byte* at) const;
  void decode(const std::byte* at, float* x) const;
  float number(const std::byte* at, int depth, int lane) const;
  // out[row][lane] = sum over depths of left[row][depth] * x[depth][lane], or added. ahead: bytes to the
  // plane that is read next, or 0. weights: left has no negative number.
  void multiply(const std::byte* at, const float* left, int64_t left_stride, int rows, Precision precision,
                bool weights, bool add, ptrdiff_t ahead, float* out, int64_t out_stride) const;

 private:
  LatentPlane(const Plane& plane, Isa isa);
  PlaneView view(const std::byte* at) const;

  Plane plane_;
  Isa isa_;
  size_t scales_ = 0, minima_ = 0, bytes_ = 0;  // offsets, where codes are kept
};

}  // namespace kvcompress
