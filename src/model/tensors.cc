#include "model/tensors.h"

#include <fmt/format.h>

#include "kvcompress/error.h"

namespace kvcompress {
namespace {

// Rows [first, first + rows) of a projection.
Projection slice(const Projection& whole, int64_t first, int64_t rows) {
  Projection part;
  part.weight = whole.weight;
  part.weight.data += static_cast<size_t>(first) * whole.weight.row_bytes;
  part.weight.rows = rows;
  if (!whole.bias.empty()) part.bias.assign(whole.bias.begin() + first, whole.bias.begin() + first + rows);
  return part;
}

}  // namespace

Weight Tensors::matrix(const std::string& name, int64_t rows, int64_t columns) {
  taken_.insert(name);
  return file_.matrix(name, rows, columns);
}

std::vector<float> Tensors::vector(const std::string& name, int64_t size) {
  taken_.insert(name);
  return file_.vector(name, size);
}

std::vector<float> Tensors::optional_vector(const std::string& name, int64_t size) {
  return has(name) ? vector(name, size) : std::vector<float>{};
}

Projection Tensors::projection(const std::string& name, int64_t rows, int64_t columns) {
  return {matrix(name + ".weight", rows, columns), optional_vector(name + ".bias", rows)};
}

Norm Tensors::rms_norm(const std::string& name, int64_t size, float epsilon) {
  return {Norm::Kind::rms, vector(name + ".weight", size), {}, epsilon};
}

Norm Tensors::layer_norm(const std::string& name, int64_t size, float epsilon) {
  return {Norm::Kind::layer, vector(name + ".weight", size), vector(name + ".bias", size), epsilon};
}

QkvProjection Tensors::qkv(const std::string& prefix, int64_t query_rows, int64_t kv_rows, int64_t columns) {
  if (has(prefix + ".attn_qkv.weight")) {
    const Projection fused = projection(prefix + ".attn_qkv", query_rows + 2 * kv_rows, columns);
    return {slice(fused, 0, query_rows), slice(fused, query_rows, kv_rows),
            slice(fused, query_rows + kv_rows, kv_rows)};
  }
  return {projection(prefix + ".attn_q", query_rows, columns),
          projection(prefix + ".attn_k", kv_rows, columns), projection(prefix + ".attn_v", kv_rows, columns)};
}

void Tensors::require_all_taken(const std::string& architecture) const {
  for (const std::string& name : file_.tensor_names()) {
    if (taken_.contains(name)) continue;
    throw InputError(
        fmt::format("[model file {}] expected the tensors of a plain {} model, got also {}; this variant "
                    "is not supported, use another model",
                    file_.path(), architecture, name));
  }
}

}  // namespace kvcompress
