// Quadratic forms of many rows: what a Gaussian query expects of a key, how far out a key lies.
#pragma once

#include <cstdint>  // int64_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "compute/isa.h"  // active_isa

namespace kvcompress {

// linear . x + |matrix x|^2
struct RowForm {
  std::vector<float> linear;  // [width]
  std::vector<float> matrix;  // [height][width] upper trapezoidal, height a multiple of kFormStep
};

// The form without a matrix when `root` is empty; else root: [height][width], of any height, entries below
// the diagonal ignored.
RowForm make_form(std::span<const double> linear, std::span<const double> root, int width);

// Each form of each row: rows are [count] of `width` floats, `stride` apart; out: [forms][count].
void evaluate(std::span<const RowForm> forms, std::span<const float> rows, int width, int stride,
              std::span<float> out, Isa isa = active_isa());

// Sum of row row^T, [stride][stride], both triangles. stride: a multiple of kGramStride.
std::vector<double> gram(std::span<const float> rows, int stride, Isa isa = active_isa());

}  // namespace kvcompress
