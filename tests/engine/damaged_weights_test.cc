// Numbers that a cache cannot hold are refused where they appear, never stored as zeros.
#include <kvcompress/error.h>

#include <cstring>  // memcpy
#include <limits>   // std::numeric_limits

#include "engine/engine_fixture.h"
#include "model/gguf.h"  // read_gguf

namespace kvcompress::test {
namespace {

const TinyModel kModel = {.layers = 3, .query_heads = 4, .kv_heads = 2, .projection_biases = true};

// The model's file with one number of a tensor replaced.
void damage(const std::string& path, const std::string& tensor, size_t index, float number) {
  std::vector<char> bytes = read_file(path);
  const Gguf gguf = read_gguf(std::as_bytes(std::span(bytes)), path);
  for (const GgufTensor& found : gguf.tensors) {
    if (found.name != tensor) continue;
    const auto offset = reinterpret_cast<const char*>(found.data.data()) - bytes.data();
    std::memcpy(bytes.data() + offset + static_cast<std::ptrdiff_t>(index * sizeof(float)), &number,
                sizeof(float));
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return;
  }
  FAIL() << "no tensor " << tensor;
}

std::string message_of(const std::string& path, const std::vector<int32_t>& tokens, int threads) {
  Engine engine(path, {.threads = threads});
  try {
    const auto sequence = engine.open(recipe_of("full"));
    engine.read(*sequence, tokens, /*last=*/true);
  } catch (const InputError& error) {
    return error.what();
  }
  return "no error";
}

TEST(DamagedWeights, NameLayerHeadAndPosition) {
  const TemporaryFolder folder;
  const std::string path = folder.file("tiny.gguf");
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  write_tiny_gguf(kModel, path);
  damage(path, "blk.1.attn_v.bias", 64 + 5, kInfinity);  // the second head's
  for (const int threads : {1, 2}) {
    const std::string text = message_of(path, random_tokens(70), threads);
    EXPECT_TRUE(text.starts_with("[cache] layer 1, KV head 1: expected keys and values")) << text;
    EXPECT_NE(text.find("at position 0,"), std::string::npos) << text;
  }

  write_tiny_gguf(kModel, path);
  damage(path, "blk.2.attn_k.bias", 3, kNaN);
  EXPECT_TRUE(message_of(path, random_tokens(9), 1).starts_with("[cache] layer 2, KV head 0:"));

  write_tiny_gguf(kModel, path);
  damage(path, "token_embd.weight", 7 * 256 + 1, kNaN);  // token 7, 4 heads of 64 wide
  std::vector<int32_t> tokens(40, 9);
  tokens[33] = 7;
  const std::string text = message_of(path, tokens, 1);
  EXPECT_TRUE(text.starts_with("[cache] layer 0, KV head 0: ")) << text;
  EXPECT_NE(text.find("at position 33,"), std::string::npos) << text;
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace kvcompress::test
