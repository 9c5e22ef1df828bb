// The tensors of a model as its architecture takes them out of the file; knows at the end what nobody took.
#pragma once

#include <cstdint>  // int64_t
#include <string>   // std::string
#include <unordered_set>
#include <vector>  // std::vector

#include "dense/linear.h"      // Weight
#include "model/model_file.h"  // ModelFile

namespace kvcompress {

// y = W x + b; bias [rows] or empty.
struct Projection {
  Weight weight;
  std::vector<float> bias;
};

struct QkvProjection {
  Projection query, key, value;
};

struct Norm {
  enum class Kind { rms, layer } kind = Kind::rms;
  std::vector<float> weight, bias;  // no bias in an RMS norm
  float epsilon = 0;
};

class Tensors {
 public:
  explicit Tensors(const ModelFile& file) : file_(file) {}

  const ModelFile& file() const { return file_; }
  bool has(const std::string& name) const { return file_.has_tensor(name); }

  // InputError where the file lacks one or has it in another shape.
  Weight matrix(const std::string& name, int64_t rows, int64_t columns);
  std::vector<float> vector(const std::string& name, int64_t size);
  std::vector<float> optional_vector(const std::string& name, int64_t size);  // empty when absent

  // NAME.weight and, where the file has it, NAME.bias.
  Projection projection(const std::string& name, int64_t rows, int64_t columns);
  Norm rms_norm(const std::string& name, int64_t size, float epsilon);
  Norm layer_norm(const std::string& name, int64_t size, float epsilon);
  // PREFIX.attn_q, attn_k and attn_v, or their rows one after the other in PREFIX.attn_qkv.
  QkvProjection qkv(const std::string& prefix, int64_t query_rows, int64_t kv_rows, int64_t columns);

  // InputError naming a tensor that was not taken: a variant of the architecture that would be computed
  // wrongly.
  void require_all_taken(const std::string& architecture) const;

 private:
  const ModelFile& file_;
  std::unordered_set<std::string> taken_;
};

}  // namespace kvcompress
