#include "policy/scoring/linear_algebra.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // Error

#include <Eigen/Cholesky>  // Eigen::LLT
#include <Eigen/QR>        // Eigen::HouseholderQR
#include <algorithm>       // std::min

namespace kvcompress {
namespace {

using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

Eigen::LLT<Matrix> cholesky(const Matrix& matrix, double least, std::string_view what) {
  constexpr int kTries = 6;
  for (int i = 0; i < kTries; ++i, least *= 10) {
    Eigen::LLT<Matrix> factor(matrix + least * Matrix::Identity(matrix.rows(), matrix.cols()));
    if (factor.info() == Eigen::Success) return factor;
  }
  throw Error(
      fmt::format("[score] expected {} with finite numbers, got one without a Cholesky factor; the model or "
                  "its weights are damaged",
                  what));
}

std::vector<double> to_vector(const Matrix& matrix) { return {matrix.data(), matrix.data() + matrix.size()}; }

}  // namespace

std::vector<double> upper_root(std::vector<double> matrix, int size, double least, std::string_view what) {
  const Matrix upper = cholesky(Eigen::Map<const Matrix>(matrix.data(), size, size), least, what).matrixU();
  return to_vector(upper);
}

std::vector<double> inverse_root(const std::vector<double>& gram, const std::vector<double>& map, int size,
                                 int sketch, double ridge) {
  const Eigen::Map<const Matrix> whole(gram.data(), size, size), phi(map.data(), size, sketch);
  const Matrix sketched = phi.transpose() * whole * phi;
  const Matrix symmetric = 0.5 * (sketched + sketched.transpose());
  const Eigen::LLT<Matrix> factor = cholesky(symmetric, ridge, "a Gram matrix of keys");
  const Matrix whitened = factor.matrixL().solve(Matrix(phi.transpose()));  // [sketch][size]
  // An orthogonal factor on the left changes no norm: what remains is a trapezoid, half the work for each
  // key.
  const Eigen::HouseholderQR<Matrix> qr(whitened);
  const Matrix root = qr.matrixQR().topRows(std::min(sketch, size)).triangularView<Eigen::Upper>();
  return to_vector(root);
}

}  // namespace kvcompress
