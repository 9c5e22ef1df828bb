// What the scalar form needs of an instruction set. Encoding and decoding give the same bits on every one;
// contractions agree to the rounding of float32.
#pragma once

#include <cstddef>  // std::byte, ptrdiff_t
#include <cstdint>  // int64_t

#include "codec/scalar/layout.h"  // Plane, PlaneView
#include "compute/isa.h"          // Isa

namespace kvcompress {

// What turns numbers into codes, for each scale of a plane: code = (x - base) * inverse, rounded.
struct Quantiser {
  const float* base;     // [scale_count]
  const float* inverse;  // [scale_count] 1 / scale, or 0
};

// Fast contractions take their left factor in bytes, in steps of a row's own: one byte, or two where codes
// have 8 bits, so that rounding it costs less than the codes do. Where lanes have the scales (Axis::lane),
// rows are rounded once, by round_row(), each run of depths to a block of
//
//   float step, shift (minus step * centre_code * sum of the rounded row), sum (of the row); up to 64 bytes;
//   high bytes, then (8 bits) low bytes, line_up(run) of each, in the order of store_signed_bytes().
static constexpr int line_up(int bytes) { return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes; }
static constexpr int rounded_parts(int bits) { return bits == 8 ? 2 : 1; }
static constexpr int rounded_block(const Plane& p) {
  return kLineBytes + rounded_parts(p.bits) * line_up(p.run);
}

// out[row][lane] = sum over depths of left[row][depth] * x[depth][lane], or added to it.
struct Contraction {
  PlaneView x;
  const float* left;  // [rows][left_stride]
  int64_t left_stride;
  const std::byte* rounded;  // [rows][runs] blocks, for fast contractions of Axis::lane
  int rows;                  // 1 or more
  float* out;                // [rows][out_stride]
  int64_t out_stride;
  bool add;
  bool weights;     // left has no negative number
  ptrdiff_t ahead;  // from this page to the one that is read next: as much of that is prefetched; or 0
};

struct ScalarKernels {
  // Least and greatest numbers for each scale. x: [depths][lanes].
  void (*ranges)(const Plane& plane, const float* x, float* least, float* greatest);
  // Codes of x. dither: [depths][lanes] in [0, 1), a code is rounded up where its fraction is greater; or
  // nullptr: to nearest.
  void (*pack)(const Plane& plane, const float* x, const Quantiser& quantiser, const float* dither,
               std::byte* codes);
  void (*unpack)(const PlaneView& view, float* x);
  // Orthonormal Hadamard transform of the rows of x [channels][lanes], after multiplying them by signs (back:
  // the inverse). lanes is a multiple of 16.
  void (*rotate)(float* x, int channels, int lanes, const float* signs, bool back);
  void (*contract)(const Contraction& contraction);
  // Without these, fast is contract().
  void (*contract_fast)(const Contraction& contraction);
  void (*round_row)(const Plane& plane, const float* row, std::byte* out);
};

// Those of `isa`, or the scalar ones when it has none of its own.
const ScalarKernels& scalar_kernels(Isa isa);

}  // namespace kvcompress
