// Every architecture against libllama on tiny random models.
#include "model/oracle.h"

#include <gtest/gtest.h>

#include <algorithm>  // std::max
#include <cmath>      // std::abs
#include <tuple>      // std::tuple

#include "dense/linear.h"
#include "model/architecture.h"
#include "model/model_file.h"
#include "model/plain_model.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress::test {
namespace {

std::vector<int32_t> some_tokens(int count, uint32_t seed = 7) {
  std::vector<int32_t> tokens;
  for (int i = 0; i < count; ++i) {
    seed = seed * 1664525u + 1013904223u;
    tokens.push_back(static_cast<int32_t>((seed >> 8) % kTinyVocabulary));
  }
  return tokens;
}

// max |ours - theirs| / max |theirs|
double difference(const std::vector<float>& ours, const std::vector<float>& theirs) {
  EXPECT_EQ(ours.size(), theirs.size());
  double apart = 0.0, largest = 0.0;
  for (size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    if (!std::isfinite(ours[i])) return INFINITY;
    apart = std::max(apart, std::abs(double{ours[i]} - double{theirs[i]}));
    largest = std::max(largest, std::abs(double{theirs[i]}));
  }
  return apart / largest;
}

struct Run {
  int chunk;
  int decoded;  // the last so many tokens one at a time
};

std::vector<float> our_logits(const std::string& path, const std::vector<int32_t>& tokens, Run run,
                              Precision precision = Precision::exact, int threads = 1) {
  ThreadPool pool(threads);
  Linear linear(pool, precision);
  const ModelFile file(path);
  const auto architecture = make_architecture(file, linear, pool);
  PlainModel model(*architecture);
  std::vector<float> logits;
  const std::span<const int32_t> all = tokens;
  const size_t prefilled = tokens.size() - static_cast<size_t>(run.decoded);
  for (size_t at = 0; at < all.size();) {
    const bool prefill = at < prefilled;
    const size_t count = prefill ? std::min(static_cast<size_t>(run.chunk), prefilled - at) : 1;
    const auto step = model.step(all.subspan(at, count), prefill);
    logits.insert(logits.end(), step.begin(), step.end());
    at += count;
  }
  return logits;
}

// Float32 on both sides: only the order of sums differs, and ggml's table of GELU in half precision.
constexpr double kSame = 1e-3;

// In chunks of several sizes, whole, and token by token.
void expect_same(const TinyModel& model, int count = 24) {
  const TemporaryFolder folder;
  const std::string path = folder.file("tiny.gguf");
  write_tiny_gguf(model, path);
  const auto tokens = some_tokens(count);
  const auto theirs = Oracle(path).logits(tokens);
  for (const Run run : {Run{count, 0}, Run{7, 5}, Run{16, 1}, Run{1, count}}) {
    EXPECT_LT(difference(our_logits(path, tokens, run), theirs), kSame)
        << model.architecture << ", chunks of " << run.chunk << ", " << run.decoded << " decoded";
  }
}

using Shape = std::tuple<std::string, int, int>;  // architecture, query heads per KV head, head dimension

class OracleShapes : public testing::TestWithParam<Shape> {};

TEST_P(OracleShapes, LogitsAreLibllamas) {
  const auto& [architecture, group, head_dim] = GetParam();
  const bool free_width = architecture != "qwen2" && architecture != "gptneox";
  TinyModel model{.architecture = architecture};
  model.kv_heads = group <= 3 ? 2 : 1;
  model.query_heads = group * model.kv_heads;
  model.head_dim = head_dim;
  model.hidden = free_width ? 100 : 0;
  model.feed_forward = 150;
  model.tied = architecture == "gemma3";
  model.rotary_dims = architecture == "gptneox" ? head_dim / 4 : 0;
  expect_same(model);
}

INSTANTIATE_TEST_SUITE_P(All, OracleShapes,
                         testing::Combine(testing::Values("llama", "qwen2", "qwen3", "gemma3", "gptneox"),
                                          testing::Values(1, 3, 7, 8), testing::Values(64, 80, 128, 256)),
                         [](const auto& info) {
                           return std::get<0>(info.param) + "_group" +
                                  std::to_string(std::get<1>(info.param)) + "_dim" +
                                  std::to_string(std::get<2>(info.param));
                         });

TEST(OracleTest, LlamaLinearRopeScaling) {
  expect_same({.architecture = "llama", .rope_base = 500000.0, .rope_scaling = "linear", .rope_factor = 4.0});
}

TEST(OracleTest, LlamaRopeFactorIsIgnoredWhenScalingIsNone) {
  expect_same({.architecture = "llama", .rope_scaling = "none", .rope_factor = 4.0});
}

TEST(OracleTest, LlamaFrequencyFactors) {
  expect_same({.architecture = "llama", .rope_base = 500000.0, .rope_frequencies = true});
}

TEST(OracleTest, LlamaTiedAndBiased) {
  expect_same({.architecture = "llama", .tied = true, .projection_biases = true, .sentence_piece = true});
}

TEST(OracleTest, GptNeoXOneAfterTheOther) {
  expect_same({.architecture = "gptneox",
               .query_heads = 4,
               .kv_heads = 4,
               .head_dim = 80,
               .rotary_dims = 20,
               .parallel_residual = false});
}

TEST(OracleTest, Gemma3BeyondItsWindow) {
  for (const int period : {0, 2, 3}) {
    TinyModel model{.architecture = "gemma3", .layers = 7, .query_heads = 4, .kv_heads = 1, .rope_base = 1e6};
    model.sliding_window = 8;
    model.window_period = period;
    model.rope_scaling = "linear";
    model.rope_factor = 8.0;
    expect_same(model, 40);
  }
}

TEST(OracleTest, Gemma3CapsLogits) {
  expect_same(
      {.architecture = "gemma3", .query_heads = 4, .kv_heads = 1, .sliding_window = 16, .logit_cap = 5.0});
}

TEST(OracleTest, ThreadsChangeNothing) {
  const TemporaryFolder folder;
  const std::string path = folder.file("tiny.gguf");
  write_tiny_gguf({.architecture = "gemma3", .query_heads = 8, .kv_heads = 2, .hidden = 640}, path);
  const auto tokens = some_tokens(64);
  EXPECT_EQ(our_logits(path, tokens, {64, 2}), our_logits(path, tokens, {64, 2}, Precision::exact, 3));
}

class OracleTypes : public testing::TestWithParam<ggml_type> {};

TinyModel of_type(ggml_type type) {
  return {.architecture = "qwen2",
          .query_heads = 4,
          .kv_heads = 2,
          .head_dim = 64,
          .feed_forward = 512,
          .type = type};
}

// Libllama rounds activations for quantised weights, so it gets the same weights as float32.
TEST_P(OracleTypes, ExactIsTheFloat32Evaluation) {
  const TemporaryFolder folder;
  TinyModel model = of_type(GetParam());
  const std::string path = folder.file("tiny.gguf");
  write_tiny_gguf(model, path);
  model.expanded = true;
  write_tiny_gguf(model, folder.file("expanded.gguf"));
  const auto tokens = some_tokens(24);
  const auto theirs = Oracle(folder.file("expanded.gguf")).logits(tokens);
  EXPECT_LT(difference(our_logits(path, tokens, {24, 0}), theirs), kSame);
  EXPECT_LT(difference(our_logits(path, tokens, {9, 4}), theirs), kSame);
}

// BF16 keeps 8 bits of a number and 8-bit activations about as much: 2^-9 relative for each of a product's
// factors, averaged over a row, times the dozen products one after the other, of which the largest of some
// thousand logits shows the tail.
TEST_P(OracleTypes, FastIsClose) {
  const TemporaryFolder folder;
  TinyModel model = of_type(GetParam());
  const std::string path = folder.file("tiny.gguf");
  write_tiny_gguf(model, path);
  const auto tokens = some_tokens(80);
  const auto exact = our_logits(path, tokens, {80, 0});
  constexpr double kClose = 3e-2;
  EXPECT_LT(difference(our_logits(path, tokens, {80, 0}, Precision::fast), exact), kClose);
  EXPECT_LT(difference(our_logits(path, tokens, {37, 6}, Precision::fast), exact), kClose);
  EXPECT_LT(difference(our_logits(path, tokens, {37, 6}, Precision::fast), Oracle(path).logits(tokens)),
            2 * kClose);
}

INSTANTIATE_TEST_SUITE_P(All, OracleTypes,
                         testing::Values(GGML_TYPE_F32, GGML_TYPE_F16, GGML_TYPE_BF16, GGML_TYPE_Q8_0,
                                         GGML_TYPE_Q4_0, GGML_TYPE_Q4_1, GGML_TYPE_Q5_0, GGML_TYPE_Q5_1,
                                         GGML_TYPE_Q2_K, GGML_TYPE_Q3_K, GGML_TYPE_Q4_K, GGML_TYPE_Q5_K,
                                         GGML_TYPE_Q6_K, GGML_TYPE_IQ4_NL, GGML_TYPE_IQ4_XS),
                         [](const auto& info) { return std::string(ggml_type_name(info.param)); });

}  // namespace
}  // namespace kvcompress::test
