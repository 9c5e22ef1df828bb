// Choice of the decode kernels, and their plain twins.
#include "dense/rows_kernels.h"

#include <algorithm>  // std::max
#include <cmath>      // std::abs, std::isfinite, std::nearbyint
#include <vector>     // std::vector

#include "dense/ggml_types.h"  // weight_type_of

namespace kvcompress {

void quantize_activations_scalar(const float* x, int64_t columns, ActivationUnit* units) {
  for (int64_t block = 0; block < 4 * activation_units(columns); ++block) {
    ActivationUnit& unit = units[block / 4];
    const int64_t b = block % 4;
    const int64_t end = std::min(columns, block * 32 + 32);
    float largest = 0;
    bool finite = true;
    for (int64_t i = block * 32; i < end; ++i) {
      largest = std::max(largest, std::abs(x[i]));
      finite = finite && std::isfinite(x[i]);
    }
    if (largest < kSmallestActivation) largest = 0;
    const float inverse = largest > 0 ? 127.0f / largest : 0.0f;
    int sums[2] = {};
    for (int i = 0; i < 32; ++i) {
      const int64_t column = block * 32 + i;
      const int code = finite && column < end ? static_cast<int>(std::nearbyint(x[column] * inverse)) : 0;
      unit.codes[i / 16][b][i % 16] = static_cast<int8_t>(code);
      sums[i / 16] += code;
    }
    unit.scale[b] = finite ? largest / 127.0f : kScaleOfNonFinite;
    unit.sum[b] = static_cast<float>(sums[0] + sums[1]);
    unit.sum_high[b] = static_cast<float>(sums[1]);
  }
}

namespace {

template <WeightFormat format>
void multiply_rows_scalar(const RowsCall& call) {
  std::vector<float> weights(call.columns);
  for (int64_t r = 0; r < call.rows; ++r) {
    weight_type_of(format).to_float(call.weights + r * call.row_bytes, weights.data(), call.columns);
    for (int t = 0; t < call.tokens; ++t) {
      const ActivationUnit* units = call.units + t * activation_units(call.columns);
      float sum = 0.0f;
      for (int64_t c = 0; c < call.columns; ++c) {
        const ActivationUnit& unit = units[c / 128];
        const int64_t block = c % 128 / 32;
        sum += weights[c] * unit.scale[block] * static_cast<float>(unit.codes[c % 32 / 16][block][c % 16]);
      }
      if (call.bias != nullptr) sum += call.bias[r];
      float& out = call.output[t * call.output_stride + r];
      out = call.accumulate ? out + sum : sum;
    }
  }
}

constexpr MultiplyRows kScalarRows[kWeightFormats] = {nullptr,
                                                      nullptr,
                                                      nullptr,
                                                      multiply_rows_scalar<WeightFormat::q4_0>,
                                                      multiply_rows_scalar<WeightFormat::q4_1>,
                                                      multiply_rows_scalar<WeightFormat::q5_0>,
                                                      multiply_rows_scalar<WeightFormat::q5_1>,
                                                      multiply_rows_scalar<WeightFormat::q8_0>,
                                                      multiply_rows_scalar<WeightFormat::q4_k>,
                                                      multiply_rows_scalar<WeightFormat::q5_k>,
                                                      multiply_rows_scalar<WeightFormat::q6_k>};

}  // namespace

MultiplyRows multiply_rows_kernel(Isa isa, WeightFormat format) {
  if (format == WeightFormat::other) return nullptr;
  if (isa == Isa::scalar) return kScalarRows[static_cast<int>(format)];
#ifdef KVC_HAVE_AVX512_BF16
  if (isa == Isa::avx512_bf16) return avx512_bf16::kMultiplyRows[static_cast<int>(format)];
#endif
  return nullptr;
}

QuantizeActivations quantize_activations_kernel([[maybe_unused]] Isa isa) {
#ifdef KVC_HAVE_AVX512_BF16
  if (isa == Isa::avx512_bf16) return avx512_bf16::quantize_activations;
#endif
  return quantize_activations_scalar;
}

}  // namespace kvcompress
