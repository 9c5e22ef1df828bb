#include "policy/scoring/leverage.h"

#include <algorithm>  // std::max
#include <cmath>      // std::cos, std::log, std::sqrt
#include <numbers>    // std::numbers::pi

#include "policy/scoring/check.h"           // expect_count
#include "policy/scoring/form_kernels.h"    // kGramStride
#include "policy/scoring/hash.h"            // head_seed, unit_draw
#include "policy/scoring/linear_algebra.h"  // inverse_root
#include "policy/scoring/row_forms.h"       // evaluate, gram, make_form
#include "policy/scoring/unrotated.h"       // unrotated_keys

namespace kvcompress {
namespace {

void centre(std::vector<float>& rows, int width, int stride) {
  const size_t count = rows.size() / stride;
  std::vector<double> sums(width);
  for (size_t row = 0; row < count; ++row) {
    for (int j = 0; j < width; ++j) sums[j] += rows[row * stride + j];
  }
  std::vector<float> mean(width);
  for (int j = 0; j < width; ++j) mean[j] = static_cast<float>(sums[j] / static_cast<double>(count));
  for (size_t row = 0; row < count; ++row) {
    for (int j = 0; j < width; ++j) rows[row * stride + j] -= mean[j];
  }
}

// [width][sketch], variance 1 / sketch (Box and Muller).
std::vector<double> gaussian(uint64_t start, int width, int sketch) {
  std::vector<double> out(static_cast<size_t>(width) * sketch);
  for (size_t i = 0; i < out.size(); ++i) {
    const double radius = 1.0 - unit_draw(start, 2 * i);  // (0, 1]
    const double angle = 2 * std::numbers::pi * unit_draw(start, 2 * i + 1);
    out[i] = std::sqrt(-2 * std::log(radius)) * std::cos(angle) / std::sqrt(static_cast<double>(sketch));
  }
  return out;
}

std::vector<double> top_left(const std::vector<double>& matrix, int stride, int size) {
  std::vector<double> out;
  for (int i = 0; i < size; ++i) {
    const auto row = matrix.begin() + static_cast<int64_t>(i) * stride;
    out.insert(out.end(), row, row + size);
  }
  return out;
}

}  // namespace

void LeverageSettings::visit(ParameterVisitor& visitor) {
  visitor.integer("sketch", sketch, 1, 1024, "dimensions of the Gaussian sketch of the keys");
  visitor.real("ridge", ridge, 1e-9, 1e6, "added to the diagonal of the keys' Gram matrix");
  visitor.integer("seed", seed, 0, 1000000000, "of the sketch");
}

std::vector<float> leverage_scores(const LeverageSettings& settings, const ScoreInput& input, int first,
                                   int last) {
  const auto slots = static_cast<size_t>(input.slots);
  expect_count("leverage", "numbers of keys", slots * input.head_dim, input.keys.size());
  expect_count("leverage", "positions", slots, input.positions.size());
  std::vector<float> out(static_cast<size_t>(last - first));
  if (out.empty()) return out;
  const int width = input.head_dim, stride = (width + kGramStride - 1) / kGramStride * kGramStride;
  const auto sketch = static_cast<int>(settings.sketch);
  std::vector<float> rows = unrotated_keys(input, first, last, stride);
  centre(rows, width, stride);
  const std::vector<double> map =
      gaussian(head_seed(settings.seed, input.layer, input.kv_head), width, sketch);
  const std::vector<double> root =
      inverse_root(top_left(gram(rows, stride), stride, width), map, width, sketch, settings.ridge);
  const RowForm form = make_form(std::vector<double>(width), root, width);
  evaluate({&form, 1}, rows, width, stride, out);
  return out;
}

}  // namespace kvcompress
