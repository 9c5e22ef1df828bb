// Factorisations of small symmetric matrices, in double.
#pragma once

#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

// U upper triangular with U^T U = matrix + least * I; both [size][size]. A matrix that rounding made
// indefinite gets ten times as much on its diagonal, up to five times. Throws Error naming `what` when that
// does not help: its numbers are not finite.
std::vector<double> upper_root(std::vector<double> matrix, int size, double least, std::string_view what);

// R upper trapezoidal, [min(sketch, size)][size], with |R x|^2 = y^T (G + ridge I)^-1 y for y = map^T x and
// G = map^T gram map. map: [size][sketch]; gram: [size][size].
std::vector<double> inverse_root(const std::vector<double>& gram, const std::vector<double>& map, int size,
                                 int sketch, double ridge);

}  // namespace kvcompress
