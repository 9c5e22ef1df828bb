// Expansion of weight rows to float32: plain loops over a block, which the compiler vectorises.
#include "dense/expand_kernels.h"
#include "dense/half.h"

namespace kvcompress::KVC_ISA {
namespace {

template <typename Block>
const Block* block_at(const std::byte* row, int64_t element, int64_t block_size) {
  return reinterpret_cast<const Block*>(row) + element / block_size;
}

#if defined(__AVX512F__)
// g++ 12 makes of the loops below ten times as many instructions.
inline void expand_codes(__m128i codes, uint32_t high_bits, float scale, float minimum, float* out) {
  __m512i wide = _mm512_cvtepu8_epi32(_mm_and_si128(codes, _mm_set1_epi8(15)));
  wide = _mm512_mask_or_epi32(wide, static_cast<__mmask16>(high_bits), wide, _mm512_set1_epi32(16));
  _mm512_storeu_ps(out,
                   _mm512_fmadd_ps(_mm512_cvtepi32_ps(wide), _mm512_set1_ps(scale), _mm512_set1_ps(minimum)));
}

// `high_bits`: bit 4 of each of the 32 elements.
inline void expand_nibbles(const uint8_t* nibbles, uint32_t high_bits, float scale, float minimum,
                           float* out) {
  const __m128i codes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(nibbles));
  expand_codes(codes, high_bits & 0xffff, scale, minimum, out);
  expand_codes(_mm_srli_epi16(codes, 4), high_bits >> 16, scale, minimum, out + 16);
}
#else
inline void expand_nibbles(const uint8_t* nibbles, uint32_t high_bits, float scale, float minimum,
                           float* out) {
  for (int j = 0; j < 16; ++j) {
    const uint32_t code = (nibbles[j] & 15u) | (high_bits >> j & 1) << 4;
    out[j] = scale * static_cast<float>(static_cast<int>(code)) + minimum;
  }
  for (int j = 0; j < 16; ++j) {
    const uint32_t code = (nibbles[j] >> 4) | (high_bits >> (16 + j) & 1) << 4;
    out[16 + j] = scale * static_cast<float>(static_cast<int>(code)) + minimum;
  }
}
#endif

inline uint32_t load_bits(const uint8_t* high_bits) {
  uint32_t bits;
  __builtin_memcpy(&bits, high_bits, sizeof bits);
  return bits;
}

void expand_f32(const std::byte* row, int64_t first, int64_t count, float* out) {
  __builtin_memcpy(out, row + first * 4, count * 4);
}

void expand_bf16(const std::byte* row, int64_t first, int64_t count, float* out) {
  const uint16_t* x = reinterpret_cast<const uint16_t*>(row) + first;
  for (int64_t i = 0; i < count; ++i) {
    const uint32_t wide = static_cast<uint32_t>(x[i]) << 16;
    __builtin_memcpy(out + i, &wide, sizeof wide);
  }
}

void expand_f16(const std::byte* row, int64_t first, int64_t count, float* out) {
  const uint16_t* x = reinterpret_cast<const uint16_t*>(row) + first;
  int64_t i = 0;
#if defined(__F16C__)
  for (; i + 8 <= count; i += 8) {
    _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(x + i))));
  }
#endif
  for (; i < count; ++i) out[i] = half_to_float(x[i]);
}

void expand_q4_0(const std::byte* row, int64_t first, int64_t count, float* out) {
  const BlockQ4_0* b = block_at<BlockQ4_0>(row, first, 32);
  for (const float* end = out + count; out < end; out += 32, ++b) {
    const float scale = half_to_float(b->scale);
    expand_nibbles(b->nibbles, 0, scale, -8 * scale, out);
  }
}

void expand_q4_1(const std::byte* row, int64_t first, int64_t count, float* out) {
  const BlockQ4_1* b = block_at<BlockQ4_1>(row, first, 32);
  for (const float* end = out + count; out < end; out += 32, ++b) {
    expand_nibbles(b->nibbles, 0, half_to_float(b->scale), half_to_float(b->minimum), out);
  }
}

void expand_q5_0(const std::byte* row, int64_t first, int64_t count, float* out) {
  const BlockQ5_0* b = block_at<BlockQ5_0>(row, first, 32);
  for (const float* end = out + count; out < end; out += 32, ++b) {
    const float scale = half_to_float(b->scale);
    expand_nibbles(b->nibbles, load_bits(b->high_bits), scale, -16 * scale, out);
  }
}

void expand_q5_1(const std::byte* row, int64_t first, int64_t count, float* out) {
  const BlockQ5_1* b = block_at<BlockQ5_1>(row, first, 32);
  for (const float* end = out + count; out < end; out += 32, ++b) {
    expand_nibbles(b->nibbles, load_bits(b->high_bits), half_to_float(b->scale), half_to_float(b->minimum),
                   out);
  }
}

void expand_q8_0(const std::byte* row, int64_t first, int64_t count, float* out) {
  const BlockQ8_0* b = block_at<BlockQ8_0>(row, first, 32);
  for (const float* end = out + count; out < end; out += 32, ++b) {
    const float scale = half_to_float(b->scale);
    for (int j = 0; j < 32; ++j) out[j] = scale * static_cast<float>(b->codes[j]);
  }
}

// Scale and minimum (6 bits each) of the 8 blocks of a super-block.
struct KScales {
  uint8_t scale[8], minimum[8];
};

inline KScales unpack_k_scales(const uint8_t* packed) {
  KScales s;
  for (int i = 0; i < 4; ++i) {
    s.scale[i] = packed[i] & 63;
    s.minimum[i] = packed[4 + i] & 63;
    s.scale[4 + i] = static_cast<uint8_t>((packed[8 + i] & 15) | (packed[i] >> 6) << 4);
    s.minimum[4 + i] = static_cast<uint8_t>((packed[8 + i] >> 4) | (packed[4 + i] >> 6) << 4);
  }
  return s;
}

void expand_q4_k(const std::byte* row, int64_t first, int64_t count, float* out) {
  const BlockQ4_K* b = block_at<BlockQ4_K>(row, first, 256);
  for (const float* end = out + count; out < end; out += 256, ++b) {
    const KScales s = unpack_k_scales(b->scales);
    const float scale = half_to_float(b->scale), minimum = half_to_float(b->minimum);
    for (int i = 0; i < 8; ++i) {
      const float block_scale = scale * s.scale[i], block_minimum = minimum * s.minimum[i];
      const uint8_t* q = b->nibbles + 32 * (i / 2);
      const int shift = 4 * (i % 2);
      for (int j = 0; j < 32; ++j)
        out[32 * i + j] = block_scale * static_cast<float>(q[j] >> shift & 15) - block_minimum;
    }
  }
}

void expand_q5_k(const std::byte* row, int64_t first, int64_t count, float* out) {
  const BlockQ5_K* b = block_at<BlockQ5_K>(row, first, 256);
  for (const float* end = out + count; out < end; out += 256, ++b) {
    const KScales s = unpack_k_scales(b->scales);
    const float scale = half_to_float(b->scale), minimum = half_to_float(b->minimum);
    for (int i = 0; i < 8; ++i) {
      const float block_scale = scale * s.scale[i], block_minimum = minimum * s.minimum[i];
      const uint8_t* q = b->nibbles + 32 * (i / 2);
      const int shift = 4 * (i % 2);
      for (int j = 0; j < 32; ++j) {
        const int code = (q[j] >> shift & 15) | (b->high_bits[j] >> i & 1) << 4;
        out[32 * i + j] = block_scale * static_cast<float>(code) - block_minimum;
      }
    }
  }
}

void expand_q6_k(const std::byte* row, int64_t first, int64_t count, float* out) {
  const BlockQ6_K* b = block_at<BlockQ6_K>(row, first, 256);
  for (const float* end = out + count; out < end; out += 256, ++b) {
    const float scale = half_to_float(b->scale);
    for (int i = 0; i < 16; ++i) {  // 16 elements each
      const int half = i / 8, group = i % 8 / 2, part = i % 2;
      const uint8_t* low = b->nibbles + 64 * half + 32 * (group % 2) + 16 * part;
      const uint8_t* high = b->high_bits + 32 * half + 16 * part;
      const int low_shift = 4 * (group / 2), high_shift = 2 * group;
      const float block_scale = scale * b->scales[i];
      for (int j = 0; j < 16; ++j) {
        const int code = (low[j] >> low_shift & 15) | (high[j] >> high_shift & 3) << 4;
        out[16 * i + j] = block_scale * static_cast<float>(code - 32);
      }
    }
  }
}

}  // namespace

const ExpandTable kExpand = {expand_f32,  expand_f16,  expand_bf16, expand_q4_0, expand_q4_1, expand_q5_0,
                             expand_q5_1, expand_q8_0, expand_q4_k, expand_q5_k, expand_q6_k};

}  // namespace kvcompress::KVC_ISA
