#include "policy/scoring/row_forms.h"

#include <algorithm>  // std::min, std::copy_n

#include "policy/scoring/form_kernels.h"  // FormKernels

namespace kvcompress {
namespace {

// tile: [width][kTileRows]; rows beyond `count` are 0.
void transpose(const float* rows, int64_t count, int width, int stride, float* tile) {
  for (int64_t row = 0; row < kTileRows; ++row) {
    if (row >= count) {
      for (int j = 0; j < width; ++j) tile[j * kTileRows + row] = 0;
      continue;
    }
    const float* x = rows + row * stride;
    for (int j = 0; j < width; ++j) tile[j * kTileRows + row] = x[j];
  }
}

}  // namespace

RowForm make_form(std::span<const double> linear, std::span<const double> root, int width) {
  RowForm form;
  form.linear.assign(linear.begin(), linear.end());
  const auto height = static_cast<int>(root.size()) / width;
  form.matrix.assign(static_cast<size_t>((height + kFormStep - 1) / kFormStep * kFormStep) * width, 0.0f);
  for (int r = 0; r < height; ++r) {
    for (int j = r; j < width; ++j) {
      form.matrix[static_cast<size_t>(r) * width + j] =
          static_cast<float>(root[static_cast<size_t>(r) * width + j]);
    }
  }
  return form;
}

void evaluate(std::span<const RowForm> forms, std::span<const float> rows, int width, int stride,
              std::span<float> out, Isa isa) {
  const FormKernels& kernels = form_kernels(isa);
  const auto count = static_cast<int64_t>(rows.size()) / stride;
  std::vector<float> tile(static_cast<size_t>(width) * kTileRows);
  float values[kTileRows];
  for (int64_t first = 0; first < count; first += kTileRows) {
    const int64_t some = std::min<int64_t>(kTileRows, count - first);
    transpose(rows.data() + first * stride, some, width, stride, tile.data());
    for (size_t f = 0; f < forms.size(); ++f) {
      const RowForm& form = forms[f];
      kernels.form(tile.data(), width, form.linear.data(), form.matrix.data(),
                   static_cast<int>(form.matrix.size()) / width, values);
      std::copy_n(values, some, out.data() + static_cast<int64_t>(f) * count + first);
    }
  }
}

std::vector<double> gram(std::span<const float> rows, int stride, Isa isa) {
  const FormKernels& kernels = form_kernels(isa);
  const auto count = static_cast<int64_t>(rows.size()) / stride;
  const auto size = static_cast<size_t>(stride) * stride;
  std::vector<double> sums(size);
  std::vector<float> part(size);
  for (int64_t first = 0; first < count; first += kGramRowsMax) {
    kernels.gram(rows.data() + first * stride, std::min<int64_t>(kGramRowsMax, count - first), stride,
                 part.data());
    for (int i = 0; i < stride; ++i) {
      for (int j = i; j < stride; ++j)
        sums[static_cast<size_t>(i) * stride + j] += part[static_cast<size_t>(i) * stride + j];
    }
  }
  for (int i = 0; i < stride; ++i) {
    for (int j = 0; j < i; ++j)
      sums[static_cast<size_t>(i) * stride + j] = sums[static_cast<size_t>(j) * stride + i];
  }
  return sums;
}

}  // namespace kvcompress
