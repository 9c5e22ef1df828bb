#include "dense/ggml_types.h"

#include <cstring>  // std::memcpy
#include <string>   // std::to_string
#include <vector>   // std::vector

#include "ggml-cpu.h"
#include "ggml.h"
#include "kvcompress/error.h"  // InputError

namespace kvcompress {
namespace {

void copy_floats(const void* blocks, float* out, int64_t n) { std::memcpy(out, blocks, n * sizeof(float)); }

WeightFormat format_of(ggml_type type) {
  switch (type) {
    case GGML_TYPE_F32:
      return WeightFormat::f32;
    case GGML_TYPE_F16:
      return WeightFormat::f16;
    case GGML_TYPE_BF16:
      return WeightFormat::bf16;
    case GGML_TYPE_Q4_0:
      return WeightFormat::q4_0;
    case GGML_TYPE_Q4_1:
      return WeightFormat::q4_1;
    case GGML_TYPE_Q5_0:
      return WeightFormat::q5_0;
    case GGML_TYPE_Q5_1:
      return WeightFormat::q5_1;
    case GGML_TYPE_Q8_0:
      return WeightFormat::q8_0;
    case GGML_TYPE_Q4_K:
      return WeightFormat::q4_k;
    case GGML_TYPE_Q5_K:
      return WeightFormat::q5_k;
    case GGML_TYPE_Q6_K:
      return WeightFormat::q6_k;
    default:
      return WeightFormat::other;
  }
}

// A type without a name is a weight type nobody can hold: ggml leaves holes where types were removed.
WeightType describe(ggml_type type) {
  const ggml_type_traits& traits = *ggml_get_type_traits(type);
  const ggml_type_traits_cpu& cpu = *ggml_get_type_traits_cpu(type);
  WeightType entry{};
  if (traits.type_name == nullptr || traits.blck_size == 0 || cpu.vec_dot == nullptr) return entry;
  const ggml_type partner = cpu.vec_dot_type;
  entry.to_float = type == GGML_TYPE_F32 ? copy_floats : traits.to_float;
  entry.from_float = ggml_get_type_traits_cpu(partner)->from_float;
  if (entry.to_float == nullptr || entry.from_float == nullptr) return entry;
  entry.name = traits.type_name;
  entry.format = format_of(type);
  entry.block = traits.blck_size;
  entry.block_bytes = traits.type_size;
  entry.partner = partner;
  entry.partner_block = ggml_blck_size(partner);
  entry.partner_block_bytes = ggml_type_size(partner);
  entry.dot = cpu.vec_dot;
  return entry;
}

const std::vector<WeightType>& all_types() {
  static const std::vector<WeightType> types = [] {
    ggml_cpu_init();  // fills the tables that ggml's dot products read
    std::vector<WeightType> list;
    for (int type = 0; type < GGML_TYPE_COUNT; ++type) list.push_back(describe(static_cast<ggml_type>(type)));
    return list;
  }();
  return types;
}

}  // namespace

bool is_weight_type(int type) {
  return type >= 0 && type < GGML_TYPE_COUNT && all_types()[type].name != nullptr;
}

const WeightType& weight_type(int type) {
  if (is_weight_type(type)) return all_types()[type];
  throw InputError("[weight type] expected a ggml type with a dot product got " + std::to_string(type) +
                   "; convert the model again with a current llama.cpp");
}

const WeightType& weight_type_of(WeightFormat format) {
  for (const WeightType& type : all_types()) {
    if (type.name != nullptr && type.format == format) return type;
  }
  throw InputError("[weight format] expected one that ggml knows got " +
                   std::to_string(static_cast<int>(format)) +
                   "; build with the llama.cpp that this version names");
}

size_t quantize(int type, const float* x, int64_t rows, int64_t columns, void* out) {
  const std::vector<float> importance(columns, 1.0f);  // some types refuse to be made without
  return ggml_quantize_chunk(static_cast<ggml_type>(type), x, out, 0, rows, columns, importance.data());
}

}  // namespace kvcompress
