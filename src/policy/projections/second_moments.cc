#include "policy/projections/second_moments.h"

#include <string>  // std::string

namespace kvcompress {
namespace {

std::vector<double> part(const ProjectionInput& input, const std::string& name, bool matrix) {
  const int64_t width = input.head_dim;
  std::vector<int64_t> shape = {input.layers, input.kv_heads, width};
  if (matrix) shape.push_back(width);
  const std::vector<float>& whole = input.calibration->array(name, shape);
  const int64_t size = matrix ? width * width : width;
  const auto first = whole.begin() + (int64_t{input.layer} * input.kv_heads + input.kv_head) * size;
  return {first, first + size};
}

}  // namespace

CalibratedMoments calibrated_moments(const ProjectionInput& input) {
  return {{part(input, "key_mean", false), part(input, "key", true)},
          {part(input, "value_mean", false), part(input, "value", true)},
          part(input, "query", true),
          part(input, "output", true),
          part(input, "metric", true)};
}

}  // namespace kvcompress
