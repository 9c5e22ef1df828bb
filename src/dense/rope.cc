#include "dense/rope.h"

#include <cmath>   // std::cos, std::pow, std::sin
#include <string>  // std::to_string

#include "dense/row_kernels.h"
#include "kvcompress/error.h"  // UsageError

namespace kvcompress {

RopeTable::RopeTable(const RopeSettings& settings) : half_(settings.dims / 2) {
  if (settings.dims <= 0 || settings.dims % 2 != 0) {
    throw UsageError("[rope dims] expected an even number above 0 got " + std::to_string(settings.dims) +
                     "; take the model's rope.dimension_count");
  }
  frequencies_.resize(half_);
  for (int i = 0; i < half_; ++i) {
    const double divisor = settings.factors != nullptr ? settings.factors[i] : 1.0;
    frequencies_[i] = settings.freq_scale / divisor * std::pow(settings.base, -2.0 * i / settings.dims);
  }
}

void RopeTable::prepare(std::span<const int32_t> positions) {
  table_.resize(positions.size() * 2 * half_);
  float* out = table_.data();
  for (const int32_t position : positions) {
    for (int i = 0; i < half_; ++i) {
      const double angle = position * frequencies_[i];
      out[i] = static_cast<float>(std::cos(angle));
      out[half_ + i] = static_cast<float>(std::sin(angle));
    }
    out += 2 * half_;
  }
}

void RopeTable::rotate(RopePairing pairing, int row, int heads, int head_dim, float* x) const {
  static const RowKernels& kernels = row_kernels(active_isa());
  const auto turn = pairing == RopePairing::adjacent ? kernels.rotate_adjacent : kernels.rotate_halves;
  for (int head = 0; head < heads; ++head)
    turn(cosines(row), sines(row), half_, x + int64_t{head} * head_dim);
}

}  // namespace kvcompress
