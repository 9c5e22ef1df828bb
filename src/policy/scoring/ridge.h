// The smallest change of many unknowns that mends few equations.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

namespace kvcompress {

// The x, [unknowns][columns], that minimises |A x - missing|^2 + r |x|^2, where r is `ridge` times the mean
// of the squared lengths of A's rows. A: [equations][unknowns]; missing: [equations][columns]. Solved with
// the matrix of as many rows as there are equations, in double. Throws Error for numbers that are not finite.
std::vector<float> ridge_correction(std::span<const float> a, int equations, int unknowns,
                                    std::span<const float> missing, int columns, double ridge);

}  // namespace kvcompress
