// Dense products: GFLOP/s of prefill (512 tokens) and GB/s of weights in decode (1 and 8 tokens), on the
// shapes of SmolLM2-135M and Qwen2.5-0.5B. Weights rotate through more memory than the last-level cache
// holds. KVC_BENCH_THREADS sets the threads (default 1).
#include <benchmark/benchmark.h>

#include <cstdlib>  // std::getenv
#include <random>   // std::mt19937
#include <string>   // std::string
#include <vector>   // std::vector

#include "compute/thread_pool.h"  // ThreadPool
#include "dense/ggml_types.h"     // quantize
#include "dense/linear.h"         // Linear
#include "dense/row_ops.h"        // rms_norm, silu_mul

namespace kvcompress {
namespace {

constexpr int64_t kWeightBytes = int64_t{96} << 20;

struct Shape {
  int64_t columns, rows;
};
constexpr Shape kShapes[] = {{576, 576}, {576, 1536}, {1536, 576},   // SmolLM2-135M
                             {896, 896}, {896, 4864}, {4864, 896}};  // Qwen2.5-0.5B
constexpr const char* kTypes[] = {"f32",  "f16",  "bf16", "q4_0", "q4_1", "q5_0",
                                  "q5_1", "q8_0", "q4_K", "q5_K", "q6_K"};

int threads() {
  const char* wanted = std::getenv("KVC_BENCH_THREADS");
  return wanted != nullptr ? std::atoi(wanted) : 1;
}

int type_by_name(const std::string& name) {
  for (int type = 0; type < 64; ++type) {
    if (is_weight_type(type) && name == weight_type(type).name) return type;
  }
  return -1;
}

std::vector<float> random_floats(int64_t n) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  std::vector<float> values(n);
  for (float& value : values) value = normal(random);
  return values;
}

void multiply(benchmark::State& state, int type, Shape shape, int prefill, int decode) {
  const WeightType& weight_info = weight_type(type);
  const size_t row_bytes = shape.columns / weight_info.block * weight_info.block_bytes;
  const int64_t copies = prefill > 0 ? 4 : std::max<int64_t>(1, kWeightBytes / (shape.rows * row_bytes));
  std::vector<std::byte> one(shape.rows * row_bytes);
  quantize(type, random_floats(shape.rows * shape.columns).data(), shape.rows, shape.columns, one.data());
  std::vector<std::byte> all;
  for (int64_t i = 0; i < copies; ++i) all.insert(all.end(), one.begin(), one.end());

  const int tokens = prefill + decode;
  const std::vector<float> input = random_floats(tokens * shape.columns);
  std::vector<float> output(tokens * shape.rows);
  ThreadPool pool(threads());
  Linear linear(pool, Precision::fast);
  int64_t copy = 0;
  for (auto _ : state) {
    const Weight weight{type, all.data() + copy * shape.rows * row_bytes, shape.rows, shape.columns,
                        row_bytes};
    const Product product{&weight, nullptr, output.data(), shape.rows, false};
    linear.multiply({input.data(), shape.columns, prefill, decode}, {&product, 1});
    copy = (copy + 1) % copies;
  }
  const double products = static_cast<double>(state.iterations()) * shape.rows;
  state.counters["GFLOP/s"] =
      benchmark::Counter(products * shape.columns * tokens * 2e-9, benchmark::Counter::kIsRate);
  state.counters["GB/s"] = benchmark::Counter(products * row_bytes * 1e-9, benchmark::Counter::kIsRate);
}

// Rows of 1536, the width of SmolLM2's feed-forward.
void row_op(benchmark::State& state, void (*op)(const float*, const float*, int64_t, float*)) {
  constexpr int64_t kWidth = 1536;
  const std::vector<float> a = random_floats(kWidth), b = random_floats(kWidth);
  std::vector<float> out(kWidth);
  for (auto _ : state) {
    op(a.data(), b.data(), kWidth, out.data());
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * kWidth);
}

void register_all() {
  for (const char* name : kTypes) {
    const int type = type_by_name(name);
    for (const Shape shape : kShapes) {
      if (shape.columns % weight_type(type).block != 0) continue;
      const std::string suffix =
          std::string(name) + "/" + std::to_string(shape.columns) + "x" + std::to_string(shape.rows);
      benchmark::RegisterBenchmark(("prefill512/" + suffix).c_str(), multiply, type, shape, 512, 0)
          ->UseRealTime();
      benchmark::RegisterBenchmark(("decode1/" + suffix).c_str(), multiply, type, shape, 0, 1)->UseRealTime();
      benchmark::RegisterBenchmark(("decode8/" + suffix).c_str(), multiply, type, shape, 0, 8)->UseRealTime();
    }
  }
  benchmark::RegisterBenchmark("silu_mul", row_op, silu_mul);
  benchmark::RegisterBenchmark("gelu_mul", row_op, gelu_mul);
  benchmark::RegisterBenchmark("rms_norm", row_op, [](const float* x, const float* w, int64_t n, float* out) {
    rms_norm(x, w, 1e-5f, n, out);
  });
}

}  // namespace
}  // namespace kvcompress

int main(int argc, char** argv) {
  kvcompress::register_all();
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
