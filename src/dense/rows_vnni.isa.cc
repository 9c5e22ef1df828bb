// Decode products with 8-bit dot-product instructions. Four weight rows go side by side: a unit (128 weights)
// of each gives four registers of partial integer sums, which are added across into one register of 4 blocks
// x 4 rows, so that scales are applied to 16 block sums at once.
#include "dense/rows_kernels.h"

#if KVC_ISA_IS_avx512_bf16

#include "dense/rows_formats.h"
#include "dense/rows_formats_k.h"

namespace kvcompress::avx512_bf16 {
namespace {

constexpr int kRowsPerStep = 4;

// Lane L of r[j]: four partial sums of block L of row j. Returns block sums, element 4 L + j.
inline __m512i add_across(__m512i r0, __m512i r1, __m512i r2, __m512i r3) {
  const __m512i t0 = _mm512_add_epi32(_mm512_unpacklo_epi32(r0, r1), _mm512_unpackhi_epi32(r0, r1));
  const __m512i t1 = _mm512_add_epi32(_mm512_unpacklo_epi32(r2, r3), _mm512_unpackhi_epi32(r2, r3));
  return _mm512_add_epi32(_mm512_unpacklo_epi64(t0, t1), _mm512_unpackhi_epi64(t0, t1));
}

// A value of each block for all four rows: element 4 L + j = p[L].
inline __m512 spread(const float* p) {
  const __m512i index = _mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3);
  return _mm512_permutexvar_ps(index, _mm512_castps128_ps512(_mm_load_ps(p)));
}

inline __m512i dot(__m512i sum, __m512i codes, const int8_t (&activations)[4][16]) {
  return _mm512_dpbusd_epi32(sum, codes, _mm512_load_si512(activations));
}

// Adds one unit's contribution of one token to its sums. The only floating-point arithmetic of a token.
template <class Format>
inline __m512 add_unit(__m512 sums, const Codes (&w)[kRowsPerStep], const Scales& s,
                       const ActivationUnit& a) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512 sum = spread(a.sum);
  __m512 value;
  if constexpr (Format::kind == Kind::halves) {
    const __m512i low = add_across(dot(zero, w[0].low, a.codes[0]), dot(zero, w[1].low, a.codes[0]),
                                   dot(zero, w[2].low, a.codes[0]), dot(zero, w[3].low, a.codes[0]));
    const __m512i high = add_across(dot(zero, w[0].high, a.codes[1]), dot(zero, w[1].high, a.codes[1]),
                                    dot(zero, w[2].high, a.codes[1]), dot(zero, w[3].high, a.codes[1]));
    const __m512 sum_high = spread(a.sum_high), offset = _mm512_set1_ps(Format::kOffset);
    const __m512 sum_low = _mm512_sub_ps(sum, sum_high);
    value = _mm512_mul_ps(s.first, _mm512_fnmadd_ps(offset, sum_low, _mm512_cvtepi32_ps(low)));
    value = _mm512_fmadd_ps(s.second, _mm512_fnmadd_ps(offset, sum_high, _mm512_cvtepi32_ps(high)), value);
  } else {
    __m512i row[kRowsPerStep];
    for (int j = 0; j < kRowsPerStep; ++j)
      row[j] = dot(dot(zero, w[j].low, a.codes[0]), w[j].high, a.codes[1]);
    const __m512 dots = _mm512_cvtepi32_ps(add_across(row[0], row[1], row[2], row[3]));
    if constexpr (Format::kind == Kind::centred) {
      value = _mm512_mul_ps(s.first, _mm512_fnmadd_ps(_mm512_set1_ps(Format::kOffset), sum, dots));
    } else {
      value = _mm512_fmadd_ps(s.first, dots, _mm512_mul_ps(s.second, sum));
    }
  }
  return _mm512_fmadd_ps(spread(a.scale), value, sums);
}

template <class Format, int Tokens>
__attribute__((always_inline)) inline void add_step(__m512 (&sums)[Tokens], Steps steps,
                                                    const ActivationUnit* units, int64_t stride, int blocks) {
  const typename Format::Header header = Format::header(steps, blocks);
#pragma GCC unroll 2
  for (int unit = 0; unit < Format::kUnits; ++unit) {
    Codes codes[kRowsPerStep];
    for (int j = 0; j < kRowsPerStep; ++j) codes[j] = Format::codes(steps[j], unit, blocks);
    const Scales scales = Format::scales(header, unit);
    for (int t = 0; t < Tokens; ++t)
      sums[t] = add_unit<Format>(sums[t], codes, scales, units[t * stride + unit]);
  }
}

inline void finish(const RowsCall& call, int64_t row, int token, __m512 sums) {
  const __m256 half = _mm256_add_ps(_mm512_castps512_ps256(sums), _mm512_extractf32x8_ps(sums, 1));
  alignas(16) float values[kRowsPerStep];
  _mm_store_ps(values, _mm_add_ps(_mm256_castps256_ps128(half), _mm256_extractf128_ps(half, 1)));
  const int rows = call.rows - row < kRowsPerStep ? static_cast<int>(call.rows - row) : kRowsPerStep;
  float* out = call.output + token * call.output_stride + row;
  for (int j = 0; j < rows; ++j) {
    const float value = call.bias != nullptr ? values[j] + call.bias[row + j] : values[j];
    out[j] = call.accumulate ? out[j] + value : value;
  }
}

// How far ahead of the reading a line is asked for, and into the L2 cache: one core needs some 16 KB under
// way to stream from memory, more than the L1 cache's line buffers hold. Measured on Zen 4, ms a token at
// depth 0, Qwen2.5 0.5B Q4_K_M: L1 at 1, 8, 16 KB 59, 46, 45; L2 at 1, 4, 8, 16, 24, 48 KB 49, 34, 27, 25,
// 25, 26.
constexpr int64_t kAhead = 16 << 10;

template <class Format, int Tokens>
void multiply_tokens(const RowsCall& call, int first_token) {
  constexpr int64_t kStepColumns = 128 * Format::kUnits;
  const int64_t stride = activation_units(call.columns);
  const int64_t steps = call.columns / kStepColumns;
  const int tail = static_cast<int>(call.columns % kStepColumns / 32);
  for (int64_t row = 0; row < call.rows; row += kRowsPerStep) {
    const uint8_t* step[kRowsPerStep];
    for (int j = 0; j < kRowsPerStep; ++j) {
      const int64_t existing = row + j < call.rows ? row + j : call.rows - 1;
      step[j] =
          reinterpret_cast<const uint8_t*>(call.weights) + existing * static_cast<int64_t>(call.row_bytes);
    }
    const ActivationUnit* units = call.units + first_token * stride;
    __m512 sums[Tokens];
    for (int t = 0; t < Tokens; ++t) sums[t] = _mm512_setzero_ps();
    for (int64_t s = 0; s < steps; ++s, units += Format::kUnits) {
      for (int j = 0; j < kRowsPerStep; ++j) {
        for (int line = 0; line < Format::kStepBytes; line += 64)
          _mm_prefetch(step[j] + kAhead + line, _MM_HINT_T1);
      }
      add_step<Format, Tokens>(sums, step, units, stride, ActivationUnit::kBlocks);
      for (int j = 0; j < kRowsPerStep; ++j) step[j] += Format::kStepBytes;
    }
    if (tail > 0) add_step<Format, Tokens>(sums, step, units, stride, tail);
    for (int t = 0; t < Tokens; ++t) finish(call, row, first_token + t, sums[t]);
  }
}

template <class Format>
void multiply(const RowsCall& call) {
  int token = 0;
  for (; token + 8 <= call.tokens; token += 8) multiply_tokens<Format, 8>(call, token);
  if (call.tokens - token >= 4) multiply_tokens<Format, 4>(call, token), token += 4;
  if (call.tokens - token >= 2) multiply_tokens<Format, 2>(call, token), token += 2;
  if (call.tokens - token >= 1) multiply_tokens<Format, 1>(call, token);
}

}  // namespace

const MultiplyRows kMultiplyRows[kWeightFormats] = {
    nullptr,  // f32, f16, bf16: ggml's dot products stream them at the memory's speed
    nullptr,
    nullptr,
    multiply<FormatQ4_0>,
    multiply<FormatQ4_1>,
    multiply<FormatQ5_0>,
    multiply<FormatQ5_1>,
    multiply<FormatQ8_0>,
    multiply<FormatQ4_K>,
    multiply<FormatQ5_K>,
    multiply<FormatQ6_K>,
};

void quantize_activations(const float* x, int64_t columns, ActivationUnit* units) {
  for (int64_t block = 0; block < 4 * activation_units(columns); ++block) {
    ActivationUnit& unit = units[block / 4];
    const int64_t b = block % 4;
    const __mmask16 present = block * 32 < columns ? 0xffff : 0;
    const __m512 low = _mm512_maskz_loadu_ps(present, x + block * 32);
    const __m512 high = _mm512_maskz_loadu_ps(present, x + block * 32 + 16);
    // Magnitudes are ordered as their bits are, and what is not finite is above the rest, which a maximum of
    // floats would lose.
    const int largest_bits = _mm512_reduce_max_epi32(
        _mm512_max_epi32(_mm512_castps_si512(_mm512_abs_ps(low)), _mm512_castps_si512(_mm512_abs_ps(high))));
    constexpr int kInfinityBits = 0x7f800000;
    const bool finite = largest_bits < kInfinityBits;
    const __mmask16 coded = finite ? 0xffff : 0;
    float largest = __builtin_bit_cast(float, largest_bits);
    if (largest < kSmallestActivation) largest = 0.0f;
    const __m512 inverse = _mm512_set1_ps(largest > 0.0f ? 127.0f / largest : 0.0f);
    const __m512i low_codes = _mm512_cvtps_epi32(_mm512_maskz_mul_ps(coded, low, inverse));
    const __m512i high_codes = _mm512_cvtps_epi32(_mm512_maskz_mul_ps(coded, high, inverse));
    _mm_store_si128(reinterpret_cast<__m128i*>(unit.codes[0][b]), _mm512_cvtsepi32_epi8(low_codes));
    _mm_store_si128(reinterpret_cast<__m128i*>(unit.codes[1][b]), _mm512_cvtsepi32_epi8(high_codes));
    const int sum_high = _mm512_reduce_add_epi32(high_codes);
    unit.scale[b] = finite ? largest / 127.0f : kScaleOfNonFinite;
    unit.sum[b] = static_cast<float>(_mm512_reduce_add_epi32(low_codes) + sum_high);
    unit.sum_high[b] = static_cast<float>(sum_high);
  }
}

}  // namespace kvcompress::avx512_bf16

#endif  // KVC_ISA_IS_avx512_bf16
