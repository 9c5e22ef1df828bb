// Products of activations with a panel: up to 64 weight rows expanded into a small buffer that stays in the
// L2 cache. Two kinds: BF16 panels (pairs of columns interleaved for dot-product instructions) and F32
// panels.
#pragma once

#include <cstddef>  // std::byte
#include <cstdint>  // int64_t

#include "compute/isa_kernels.h"  // Isa, KVC_DECLARE_KERNELS

namespace kvcompress {

inline constexpr int kPanelRows = 64;  // weight rows of a panel: the lanes of its columns
inline constexpr int kPackRows = 16;   // rows packed at a time

// One panel times all tokens. Where a row has too many columns for one panel, it is multiplied in several
// parts; `partial` carries the sums between them, so that the order of additions of a token is that of one
// long part.
struct PanelCall {
  const std::byte* activations;  // [tokens][activation_stride], at the part's first column
  int64_t activation_stride;     // elements
  int tokens;
  const std::byte* panel;  // F32: [columns][64]; BF16: [columns / 2][64][2]
  int64_t columns;         // of this part; BF16: even
  int rows;                // weight rows in use, 1..64
  bool first, last;        // of the parts
  float* partial;          // [tokens][64], or nullptr when first and last
  const float* bias;       // [rows] or nullptr
  float* output;           // [tokens][output_stride]
  int64_t output_stride;
  bool accumulate;
};

struct PanelKernels {
  bool bf16;
  // A token's activations into the form of the calls' `activations`: n values, then zeros up to `padded`.
  void (*convert)(const float* x, int64_t n, int64_t padded, std::byte* out);
  // Rows [0, rows) of `rows_f32` [16][stride] into lanes [lane, lane + 16) of columns [0, columns) of a
  // panel; lanes from `rows` on become 0. BF16: columns even.
  void (*pack)(const float* rows_f32, int64_t stride, int rows, int64_t columns, int lane, std::byte* panel);
  void (*multiply)(const PanelCall& call);
};

extern const PanelKernels kScalarPanelF32;
extern const PanelKernels kScalarPanelBf16;  // the twin of the BF16 kernels; no machine takes it
KVC_DECLARE_KERNELS(PanelKernels, kPanelF32)
namespace avx512_bf16 {
extern const PanelKernels kPanelBf16;
}

// F32 on every instruction set; BF16 where the machine multiplies it, else F32 as well.
const PanelKernels& panel_kernels(Isa isa, bool bf16_wanted);

}  // namespace kvcompress
