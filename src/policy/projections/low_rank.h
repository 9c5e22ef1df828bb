// Closed forms of projections.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "policy/projection.h"  // ProjectionSide

namespace kvcompress {

// Of rows [count][width]: their mean, and their second moment around it, or around a given centre.
struct Moments {
  std::vector<double> mean;    // [width]
  std::vector<double> moment;  // [width][width]
};
Moments moments_of(std::span<const float> rows, int width);
std::vector<double> moment_around(std::span<const float> rows, std::span<const double> centre);

// The projection of a rank that loses least of E |M^(1/2) (x - mean)|^2, for numbers of these moments: the
// first principal axes of M^(1/2) (x - mean). metric: M [width][width], positive semidefinite, or empty for
// the identity. A small share of M's mean eigenvalue is added to its diagonal. Rows of decode have length 1.
// Throws Error for numbers that are not finite.
ProjectionSide low_rank(const Moments& moments, std::span<const double> metric, int rank);

// The `rank` channels of the greatest importance [mean.size()], ties to the lower one.
ProjectionSide keep_channels(std::span<const double> importance, std::span<const double> mean, int rank);

// What softmax attention over these tokens gives for each query, [queries][width].
std::vector<float> attention_outputs(const ProjectionInput& input);

// a / trace(a) + share * b / trace(b); either alone where the other is 0.
std::vector<double> blended(std::span<const double> a, std::span<const double> b, double share);

}  // namespace kvcompress
