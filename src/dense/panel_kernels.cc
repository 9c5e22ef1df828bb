// Choice of the panel kernels, and their plain twins.
#include "dense/panel_kernels.h"

#include <bit>      // std::bit_cast
#include <cstring>  // std::memcpy

namespace kvcompress {
namespace {

uint16_t to_bf16(float x) {  // to the nearest, ties to even
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  return static_cast<uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

float from_bf16(const std::byte* p) {
  uint16_t bits;
  std::memcpy(&bits, p, sizeof bits);
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

void store_f32(std::byte* out, int64_t index, float x) { std::memcpy(out + 4 * index, &x, 4); }
void store_bf16(std::byte* out, int64_t index, float x) {
  const uint16_t bits = to_bf16(x);
  std::memcpy(out + 2 * index, &bits, 2);
}
float load_f32(const std::byte* in, int64_t index) {
  float x;
  std::memcpy(&x, in + 4 * index, 4);
  return x;
}
float load_bf16(const std::byte* in, int64_t index) { return from_bf16(in + 2 * index); }

// Where (column, lane) lies in a panel.
int64_t f32_index(int64_t column, int lane) { return column * kPanelRows + lane; }
int64_t bf16_index(int64_t column, int lane) { return (column / 2 * kPanelRows + lane) * 2 + column % 2; }

template <auto Store>
void convert(const float* x, int64_t n, int64_t padded, std::byte* out) {
  for (int64_t i = 0; i < padded; ++i) Store(out, i, i < n ? x[i] : 0.0f);
}

template <auto Store, auto Index>
void pack(const float* rows_f32, int64_t stride, int rows, int64_t columns, int lane, std::byte* panel) {
  for (int64_t c = 0; c < columns; ++c) {
    for (int r = 0; r < kPackRows; ++r)
      Store(panel, Index(c, lane + r), r < rows ? rows_f32[r * stride + c] : 0.0f);
  }
}

template <auto Load, auto Index>
void multiply(const PanelCall& call) {
  for (int t = 0; t < call.tokens; ++t) {
    for (int r = 0; r < call.rows; ++r) {
      float sum = call.first ? 0.0f : call.partial[t * kPanelRows + r];
      for (int64_t c = 0; c < call.columns; ++c) {
        sum += Load(call.activations, t * call.activation_stride + c) * Load(call.panel, Index(c, r));
      }
      if (!call.last) {
        call.partial[t * kPanelRows + r] = sum;
      } else {
        if (call.bias != nullptr) sum += call.bias[r];
        float& out = call.output[t * call.output_stride + r];
        out = call.accumulate ? out + sum : sum;
      }
    }
  }
}

}  // namespace

const PanelKernels kScalarPanelF32 = {false, convert<store_f32>, pack<store_f32, f32_index>,
                                      multiply<load_f32, f32_index>};
const PanelKernels kScalarPanelBf16 = {true, convert<store_bf16>, pack<store_bf16, bf16_index>,
                                       multiply<load_bf16, bf16_index>};

const PanelKernels& panel_kernels(Isa isa, [[maybe_unused]] bool bf16_wanted) {
#ifdef KVC_HAVE_AVX512_BF16
  if (bf16_wanted && isa == Isa::avx512_bf16) return avx512_bf16::kPanelBf16;
#endif
  KVC_RETURN_KERNELS(isa, kPanelF32, kScalarPanelF32)
}

}  // namespace kvcompress
