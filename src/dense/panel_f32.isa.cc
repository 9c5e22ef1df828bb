// F32 panels: 6 tokens by 1..4 vectors of lanes in registers, fused multiply-adds down the columns.
#include "dense/panel_epilogue.h"

#if KVC_ISA_IS_avx512 || KVC_ISA_IS_avx512_bf16
#include "dense/transpose16.h"  // transpose16
#endif

namespace kvcompress::KVC_ISA {
namespace {

#if KVC_ISA_IS_avx512 || KVC_ISA_IS_avx512_bf16
constexpr int kVectorFloats = 16, kVectors = 4;  // 24 of 32 registers hold sums
#elif KVC_ISA_IS_avx2
constexpr int kVectorFloats = 8, kVectors = 2;  // 12 of 16
#else
constexpr int kVectorFloats = 4, kVectors = 4;  // 24 of 32
#endif
constexpr int kTileLanes = kVectorFloats * kVectors;
static_assert(kPanelRows % kTileLanes == 0);

using Vector = float __attribute__((vector_size(kVectorFloats * sizeof(float))));

inline Vector load(const float* p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <int Tokens>
struct Tile {
  static void run(const PanelCall& call, int token, int lane) {
    const float* x = reinterpret_cast<const float*>(call.activations) + token * call.activation_stride;
    const float* w = reinterpret_cast<const float*>(call.panel) + lane;
    Vector sums[Tokens][kVectors];
    for (int t = 0; t < Tokens; ++t) {
      for (int v = 0; v < kVectors; ++v) {
        sums[t][v] = call.first
                         ? Vector{}
                         : load(call.partial + int64_t{token + t} * kPanelRows + lane + v * kVectorFloats);
      }
    }
    for (int64_t c = 0; c < call.columns; ++c, w += kPanelRows) {
      Vector weights[kVectors];
      for (int v = 0; v < kVectors; ++v) weights[v] = load(w + v * kVectorFloats);
      for (int t = 0; t < Tokens; ++t) {
        const float value = x[t * call.activation_stride + c];
        for (int v = 0; v < kVectors; ++v) sums[t][v] += value * weights[v];
      }
    }
    for (int t = 0; t < Tokens; ++t) {
      finish_lanes(call, token + t, lane, kTileLanes, reinterpret_cast<const float*>(sums[t]));
    }
  }
};

void convert(const float* x, int64_t n, int64_t padded, std::byte* out) {
  __builtin_memcpy(out, x, n * sizeof(float));
  __builtin_memset(out + n * sizeof(float), 0, (padded - n) * sizeof(float));
}

void pack(const float* rows_f32, int64_t stride, int rows, int64_t columns, int lane, std::byte* panel) {
  float* out = reinterpret_cast<float*>(panel) + lane;
  int64_t c = 0;
#if KVC_ISA_IS_avx512 || KVC_ISA_IS_avx512_bf16
  for (; c + 16 <= columns; c += 16) {
    __m512i block[16];
    for (int r = 0; r < kPackRows; ++r) {
      block[r] = r < rows ? _mm512_loadu_si512(rows_f32 + r * stride + c) : _mm512_setzero_si512();
    }
    transpose16(block);
    for (int i = 0; i < 16; ++i) _mm512_storeu_si512(out + (c + i) * kPanelRows, block[i]);
  }
#endif
  for (; c < columns; ++c) {
    for (int r = 0; r < kPackRows; ++r) out[c * kPanelRows + r] = r < rows ? rows_f32[r * stride + c] : 0.0f;
  }
}

void multiply(const PanelCall& call) {
  for (int lane = 0; lane < call.rows; lane += kTileLanes) for_token_tiles<Tile>(call, lane);
}

}  // namespace

const PanelKernels kPanelF32 = {false, convert, pack, multiply};

}  // namespace kvcompress::KVC_ISA
