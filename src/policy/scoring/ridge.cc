#include "policy/scoring/ridge.h"

#include <kvcompress/error.h>  // Error

#include <Eigen/Cholesky>  // Eigen::LLT

namespace kvcompress {

std::vector<float> ridge_correction(std::span<const float> a, int equations, int unknowns,
                                    std::span<const float> missing, int columns, double ridge) {
  using Rows = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const Eigen::Map<const Rows> matrix(a.data(), equations, unknowns);
  const Eigen::Map<const Rows> wanted(missing.data(), equations, columns);
  const Rows product = matrix * matrix.transpose();
  Eigen::MatrixXd gram = product.cast<double>();
  // Rows of zeros, of queries that look at nothing of it, leave no change; the least keeps them solvable.
  const double least = 1e-12 + ridge * gram.trace() / equations;
  gram.diagonal().array() += least;
  const Eigen::LLT<Eigen::MatrixXd> factor(gram);
  if (factor.info() != Eigen::Success) {
    throw Error(
        "[refit] expected finite queries, keys and values, got others; the model or its weights are damaged");
  }
  const Rows solved = factor.solve(wanted.cast<double>()).cast<float>();
  std::vector<float> change(static_cast<size_t>(unknowns) * columns);
  Eigen::Map<Rows>(change.data(), unknowns, columns).noalias() = matrix.transpose() * solved;
  return change;
}

}  // namespace kvcompress
