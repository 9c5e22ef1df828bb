// BF16 panels: 6 tokens by 64 lanes in 24 registers, two columns per dot-product instruction. A step down the
// columns takes 4 loads of the panel and 6 broadcasts for 24 products, so the panel may stream from the L2
// cache.
#include "dense/panel_kernels.h"

#if KVC_ISA_IS_avx512_bf16

#include "dense/panel_epilogue.h"
#include "dense/transpose16.h"

namespace kvcompress::KVC_ISA {
namespace {

template <int Tokens, int Vectors>
inline void multiply_tile(const PanelCall& call, int token, int lane) {
  const int64_t stride = call.activation_stride * 2;  // bytes
  const std::byte* x = call.activations + token * stride;
  const std::byte* w = call.panel + lane * 4;
  __m512 sums[Tokens][Vectors];
  for (int t = 0; t < Tokens; ++t) {
    for (int v = 0; v < Vectors; ++v) {
      sums[t][v] = call.first
                       ? _mm512_setzero_ps()
                       : _mm512_loadu_ps(call.partial + int64_t{token + t} * kPanelRows + lane + 16 * v);
    }
  }
  for (int64_t pair = 0; pair < call.columns / 2; ++pair, w += kPanelRows * 4, x += 4) {
    __m512i weights[Vectors];
    for (int v = 0; v < Vectors; ++v) weights[v] = _mm512_loadu_si512(w + 64 * v);
    for (int t = 0; t < Tokens; ++t) {
      int two;
      __builtin_memcpy(&two, x + t * stride, sizeof two);
      const __m512i value = _mm512_set1_epi32(two);
      for (int v = 0; v < Vectors; ++v)
        sums[t][v] = _mm512_dpbf16_ps(sums[t][v], (__m512bh)value, (__m512bh)weights[v]);
    }
  }
  for (int t = 0; t < Tokens; ++t) {
    alignas(64) float lanes[16 * Vectors];
    for (int v = 0; v < Vectors; ++v) _mm512_store_ps(lanes + 16 * v, sums[t][v]);
    finish_lanes(call, token + t, lane, 16 * Vectors, lanes);
  }
}

template <int Tokens>
struct WideTile {
  static void run(const PanelCall& call, int token, int lane) { multiply_tile<Tokens, 4>(call, token, lane); }
};
template <int Tokens>
struct NarrowTile {
  static void run(const PanelCall& call, int token, int lane) { multiply_tile<Tokens, 1>(call, token, lane); }
};

void multiply(const PanelCall& call) {
  if (call.rows > 3 * kPackRows) return for_token_tiles<WideTile>(call, 0);
  for (int lane = 0; lane < call.rows; lane += kPackRows) for_token_tiles<NarrowTile>(call, lane);
}

// 32 columns of a row, or its last n.
inline __m512i load_bf16(const float* x, int64_t n) {
  const __mmask16 low = n >= 16 ? 0xffff : static_cast<__mmask16>((1u << n) - 1);
  const __mmask16 high = n >= 32 ? 0xffff : n <= 16 ? 0 : static_cast<__mmask16>((1u << (n - 16)) - 1);
  return (__m512i)_mm512_cvtne2ps_pbh(_mm512_maskz_loadu_ps(high, x + 16), _mm512_maskz_loadu_ps(low, x));
}

void convert(const float* x, int64_t n, int64_t padded, std::byte* out) {
  for (int64_t i = 0; i < padded; i += 32) {
    const __m512i values = i < n ? load_bf16(x + i, n - i) : _mm512_setzero_si512();
    const int64_t left = padded - i;
    _mm512_mask_storeu_epi16(out + 2 * i, left >= 32 ? ~__mmask32{0} : (__mmask32{1} << left) - 1, values);
  }
}

void pack(const float* rows_f32, int64_t stride, int rows, int64_t columns, int lane, std::byte* panel) {
  std::byte* out = panel + lane * 4;
  for (int64_t c = 0; c < columns; c += 32) {
    __m512i block[16];
    for (int r = 0; r < kPackRows; ++r) {
      block[r] = r < rows ? load_bf16(rows_f32 + r * stride + c, columns - c) : _mm512_setzero_si512();
    }
    transpose16(block);
    const int pairs = columns - c >= 32 ? 16 : static_cast<int>((columns - c) / 2);
    for (int i = 0; i < pairs; ++i) _mm512_storeu_si512(out + (c / 2 + i) * kPanelRows * 4, block[i]);
  }
}

}  // namespace

const PanelKernels kPanelBf16 = {true, convert, pack, multiply};

}  // namespace kvcompress::KVC_ISA

#endif  // KVC_ISA_IS_avx512_bf16
