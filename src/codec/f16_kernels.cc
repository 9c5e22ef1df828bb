// The plain twin of the vector kernels, and the choice between them.
#include "codec/f16_kernels.h"

#include "codec/f16.h"
#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS

namespace kvcompress {

KVC_DECLARE_KERNELS(F16Kernels, kF16Kernels)

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

const F16Kernels& f16_kernels(Isa isa) { KVC_RETURN_KERNELS(isa, kF16Kernels, kScalar) }

}  // namespace kvcompress
