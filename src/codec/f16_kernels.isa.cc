// Conversion between float32 and f16, compiled once for each instruction set. It calls no inline function of
// another header, so that no code of a larger instruction set can end up in place of a common one.
#include "codec/f16_kernels.h"

#if defined(__ARM_NEON)
#include <arm_neon.h>
#else
#include <immintrin.h>
#endif

namespace kvcompress::KVC_ISA {
namespace {

// Sixteen halves, and whether an infinity or a NaN was among those seen so far.
#if defined(__ARM_NEON)

struct Halves {
  uint16x8_t low, high;
};

struct Finite {
  uint16x8_t greatest = vdupq_n_u16(0);
  void see(Halves h) {
    const uint16x8_t magnitude = vdupq_n_u16(0x7FFF);
    greatest = vmaxq_u16(greatest, vmaxq_u16(vandq_u16(h.low, magnitude), vandq_u16(h.high, magnitude)));
  }
  bool all() const { return vmaxvq_u16(greatest) < 0x7C00; }
};

uint16x8_t convert_eight(const float* in) {
  return vreinterpretq_u16_f16(vcombine_f16(vcvt_f16_f32(vld1q_f32(in)), vcvt_f16_f32(vld1q_f32(in + 4))));
}

Halves convert(const float* in) { return {convert_eight(in), convert_eight(in + 8)}; }

void write(Halves h, uint16_t* out) {
  vst1q_u16(out, h.low);
  vst1q_u16(out + 8, h.high);
}

void expand(const uint16_t* in, float* out) {
  for (int i = 0; i < 16; i += 4) {
    vst1q_f32(out + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(in + i))));
  }
}

void transpose(Halves rows[16], uint16_t* out) {
  uint16_t tile[16][16];
  for (int r = 0; r < 16; ++r) write(rows[r], tile[r]);
  for (int c = 0; c < 16; ++c) {
    for (int r = 0; r < 16; ++r) out[c * 16 + r] = tile[r][c];
  }
}

#else

using Halves = __m256i;

struct Finite {
  __m256i greatest = _mm256_setzero_si256();
  void see(Halves h) {
    greatest = _mm256_max_epi16(greatest, _mm256_and_si256(h, _mm256_set1_epi16(0x7FFF)));
  }
  bool all() const {
    return _mm256_testz_si256(_mm256_cmpgt_epi16(greatest, _mm256_set1_epi16(0x7BFF)), _mm256_set1_epi16(-1));
  }
};

Halves convert(const float* in) {
#if defined(__AVX512F__)
  // Of all lanes under a mask: GCC 12 takes the unmasked form's undefined source for an uninitialised value.
  return _mm512_maskz_cvtps_ph(0xFFFF, _mm512_loadu_ps(in), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const __m128i low = _mm256_cvtps_ph(_mm256_loadu_ps(in), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  const __m128i high =
      _mm256_cvtps_ph(_mm256_loadu_ps(in + 8), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  return _mm256_set_m128i(high, low);
#endif
}

void write(Halves h, uint16_t* out) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), h); }

void expand(const uint16_t* in, float* out) {
  for (int i = 0; i < 16; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(in + i))));
  }
}

// Sixteen rows to sixteen columns: three rounds of interleaving pair up rows 1, 2 and 4 apart within 128-bit
// halves, the fourth swaps halves of rows 8 apart.
void transpose(Halves rows[16], uint16_t* out) {
  __m256i a[16], b[16];
  for (int i = 0; i < 16; i += 2) {
    a[i] = _mm256_unpacklo_epi16(rows[i], rows[i + 1]);
    a[i + 1] = _mm256_unpackhi_epi16(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    for (int j = 0; j < 2; ++j) {
      b[i + 2 * j] = _mm256_unpacklo_epi32(a[i + j], a[i + j + 2]);
      b[i + 2 * j + 1] = _mm256_unpackhi_epi32(a[i + j], a[i + j + 2]);
    }
  }
  for (int i = 0; i < 16; i += 8) {
    for (int j = 0; j < 4; ++j) {
      a[i + 2 * j] = _mm256_unpacklo_epi64(b[i + j], b[i + j + 4]);
      a[i + 2 * j + 1] = _mm256_unpackhi_epi64(b[i + j], b[i + j + 4]);
    }
  }
  for (int c = 0; c < 8; ++c) {
    write(_mm256_permute2x128_si256(a[c], a[c + 8], 0x20), out + c * 16);
    write(_mm256_permute2x128_si256(a[c], a[c + 8], 0x31), out + (c + 8) * 16);
  }
}

#endif

// The last, incomplete sixteen channels of a row, filled up with zeros.
struct Tail {
  float values[16] = {};
  Tail(const float* in, int count) {
    for (int i = 0; i < count; ++i) values[i] = in[i];
  }
};

bool store_row(const float* row, int channels, uint16_t* out) {
  Finite finite;
  int c = 0;
  for (; c + 16 <= channels; c += 16) {
    const Halves h = convert(row + c);
    finite.see(h);
    write(h, out + c);
  }
  if (c < channels) {
    const Halves h = convert(Tail(row + c, channels - c).values);
    finite.see(h);
    uint16_t last[16];
    write(h, last);
    for (int i = 0; c + i < channels; ++i) out[c + i] = last[i];
  }
  return finite.all();
}

bool store_transposed(const float* rows, int64_t stride, int channels, uint16_t* out) {
  Finite finite;
  for (int c = 0; c < channels; c += 16) {
    Halves tile[16];
    for (int r = 0; r < 16; ++r) {
      const float* in = rows + r * stride + c;
      tile[r] = channels - c >= 16 ? convert(in) : convert(Tail(in, channels - c).values);
      finite.see(tile[r]);
    }
    transpose(tile, out + c * 16);
  }
  return finite.all();
}

void load_row(const uint16_t* row, int channels, float* out) {
  int c = 0;
  for (; c + 16 <= channels; c += 16) expand(row + c, out + c);
  if (c < channels) {
    uint16_t last[16] = {};
    float values[16];
    for (int i = 0; c + i < channels; ++i) last[i] = row[c + i];
    expand(last, values);
    for (int i = 0; c + i < channels; ++i) out[c + i] = values[i];
  }
}

}  // namespace

extern const F16Kernels kF16Kernels;
constinit const F16Kernels kF16Kernels{store_transposed, store_row, load_row};

}  // namespace kvcompress::KVC_ISA
