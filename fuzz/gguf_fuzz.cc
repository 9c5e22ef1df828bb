// libFuzzer entry: any bytes as a model file, as far as the residual stream of two tokens. Only an Error of
// this library may come out.
#include <array>    // std::array
#include <cstddef>  // std::byte
#include <cstdint>  // uint8_t
#include <memory>   // std::unique_ptr
#include <span>     // std::as_bytes
#include <string>   // std::string
#include <vector>   // std::vector

#include "compute/thread_pool.h"  // ThreadPool
#include "dense/linear.h"         // Linear
#include "kvcompress/error.h"     // Error
#include "model/architecture.h"   // make_architecture
#include "model/model_file.h"     // ModelFile

namespace {

using kvcompress::Architecture;
using kvcompress::ModelFile;

// What callers ask of every file before they know what it is.
void read_all(const ModelFile& file) {
  file.hash();
  file.weight_bytes();
  file.parameters();
  for (const std::string& name : file.tensor_names()) {
    const std::vector<int64_t> shape = file.tensor_shape(name);
    try {
      if (shape.size() == 1) file.vector(name, shape[0]);
      if (shape.size() == 2) file.matrix(name, shape[1], shape[0]);
    } catch (const kvcompress::Error&) {
    }
  }
}

// A model that was accepted must survive being run: its shapes fit one another. Attention is left out: it
// never sees the file.
void run(Architecture& model) {
  const kvcompress::ModelConfig& config = model.config();
  constexpr std::array<int32_t, 2> kTokens = {0, 1}, kPositions = {0, 1};
  const kvcompress::Rows rows{.prefill = 1, .decode = 1, .tokens = kTokens, .positions = kPositions};
  const size_t query_width = static_cast<size_t>(config.query_heads) * config.head_dim;
  const size_t kv_width = static_cast<size_t>(config.kv_heads) * config.head_dim;
  std::vector<float> x(2 * static_cast<size_t>(config.hidden)),
      logits(2 * static_cast<size_t>(config.vocabulary));
  std::vector<float> queries(2 * query_width), keys(2 * kv_width), values(2 * kv_width);
  model.embed(rows, x.data());
  for (int layer = 0; layer < config.layers; ++layer) {
    model.pre(layer, rows, x.data(), {queries.data(), keys.data(), values.data()});
    model.post(layer, rows, queries.data(), x.data());
  }
  model.head(rows, x.data(), logits.data());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static kvcompress::ThreadPool pool(1);
  static kvcompress::Linear exact(pool, kvcompress::Precision::exact);
  static kvcompress::Linear fast(pool, kvcompress::Precision::fast);
  try {
    const ModelFile file(std::as_bytes(std::span(data, size)));
    read_all(file);
    for (kvcompress::Linear* linear : {&exact, &fast}) {
      const std::unique_ptr<Architecture> model = kvcompress::make_architecture(file, *linear, pool);
      if (model->config().vocabulary >= 2) run(*model);
    }
  } catch (const kvcompress::Error&) {
  }
  return 0;
}
