// The plain twin of the vector kernels, and the choice between them.
#include "codec/f16_kernels.h"

#include "codec/f16.h"

namespace kvcompress {

#define KVC_DECLARE_KERNELS(isa)       \
  namespace isa {                      \
  extern const F16Kernels kF16Kernels; \
  }
#ifdef KVC_HAVE_AVX2
KVC_DECLARE_KERNELS(avx2)
KVC_DECLARE_KERNELS(avx512)
KVC_DECLARE_KERNELS(avx512_bf16)
#endif
#ifdef KVC_HAVE_NEON
KVC_DECLARE_KERNELS(neon)
#endif
#undef KVC_DECLARE_KERNELS

namespace {

bool is_finite(uint16_t half) { return (half & 0x7C00u) != 0x7C00u; }

bool store_row(const float* row, int channels, uint16_t* out) {
  bool finite = true;
  for (int c = 0; c < channels; ++c) {
    out[c] = f16_from_f32(row[c]);
    finite = finite && is_finite(out[c]);
  }
  return finite;
}

bool store_transposed(const float* rows, int64_t stride, int channels, uint16_t* out) {
  bool finite = true;
  const int padded = (channels + 15) / 16 * 16;
  for (int c = 0; c < padded; ++c) {
    for (int row = 0; row < 16; ++row) {
      const uint16_t half = c < channels ? f16_from_f32(rows[row * stride + c]) : uint16_t{0};
      out[c * 16 + row] = half;
      finite = finite && is_finite(half);
    }
  }
  return finite;
}

void load_row(const uint16_t* row, int channels, float* out) {
  for (int c = 0; c < channels; ++c) out[c] = f32_from_f16(row[c]);
}

constexpr F16Kernels kScalar{store_transposed, store_row, load_row};

}  // namespace

const F16Kernels& f16_kernels(Isa isa) {
  switch (isa) {
#ifdef KVC_HAVE_AVX2
    case Isa::avx2:
      return avx2::kF16Kernels;
    case Isa::avx512:
      return avx512::kF16Kernels;
    case Isa::avx512_bf16:
      return avx512_bf16::kF16Kernels;
#endif
#ifdef KVC_HAVE_NEON
    case Isa::neon:
      return neon::kF16Kernels;
#endif
    default:
      return kScalar;
  }
}

}  // namespace kvcompress
