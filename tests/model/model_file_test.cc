#include "model/model_file.h"

#include <gtest/gtest.h>

#include "kvcompress/error.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress::test {
namespace {

class ModelFileTest : public testing::Test {
 protected:
  std::string write(const TinyModel& model, const std::string& name = "tiny.gguf") {
    const std::string path = folder_.file(name);
    write_tiny_gguf(model, path);
    return path;
  }

  TemporaryFolder folder_;
};

TEST_F(ModelFileTest, ReadsMetadata) {
  const ModelFile file(write({.architecture = "qwen3", .layers = 3, .rope_base = 1e6}));
  EXPECT_EQ(file.text("general.architecture"), "qwen3");
  EXPECT_EQ(file.integer("qwen3.block_count"), 3);
  EXPECT_EQ(file.number("qwen3.block_count"), 3.0);
  EXPECT_EQ(file.number("qwen3.rope.freq_base"), 1e6);
  EXPECT_EQ(file.integer("tokenizer.ggml.add_bos_token"), 0);
  EXPECT_EQ(file.text("no.such.key"), std::nullopt);
  EXPECT_EQ(file.integers("no.such.key"), std::nullopt);
  const auto types = file.integers("tokenizer.ggml.token_type");
  ASSERT_TRUE(types.has_value());
  EXPECT_EQ(types->size(), static_cast<size_t>(kTinyVocabulary));
  EXPECT_EQ(types->front(), 3);
  const auto tokens = file.texts("tokenizer.ggml.tokens");
  ASSERT_TRUE(tokens.has_value());
  EXPECT_EQ((*tokens)[1], "<|im_start|>");
  EXPECT_EQ(tokens->size(), static_cast<size_t>(kTinyVocabulary));
  EXPECT_TRUE(file.has_list("tokenizer.ggml.merges"));
  EXPECT_FALSE(file.has_list("general.architecture"));
}

TEST_F(ModelFileTest, RefusesValuesOfAnotherType) {
  const ModelFile file(write({}));
  EXPECT_THROW(file.integer("general.architecture"), InputError);
  EXPECT_THROW(file.text("llama.block_count"), InputError);
  EXPECT_THROW(file.integer("llama.rope.freq_base"), InputError);
  EXPECT_THROW(file.integer("tokenizer.ggml.tokens"), InputError);
  EXPECT_THROW(file.integers("llama.block_count"), InputError);
  EXPECT_THROW(file.numbers("tokenizer.ggml.tokens"), InputError);
  EXPECT_THROW(file.require_text("no.such.key"), InputError);
  EXPECT_THROW(file.require_integer("llama.block_count", 3, 9), InputError);
  EXPECT_THROW(file.require_number("llama.rope.freq_base", 0.0, 1.0), InputError);
}

TEST_F(ModelFileTest, FindsTensorsWhereTheyLie) {
  const ModelFile file(write({.query_heads = 2, .hidden = 96, .feed_forward = 160, .type = GGML_TYPE_Q8_0}));
  const Weight up = file.matrix("blk.1.ffn_up.weight", 160, 96);
  EXPECT_EQ(up.type, GGML_TYPE_Q8_0);
  EXPECT_EQ(up.row_bytes, 96u / 32 * 34);
  EXPECT_EQ(file.tensor_shape("blk.1.ffn_up.weight"), (std::vector<int64_t>{96, 160}));
  EXPECT_EQ(file.vector("blk.0.attn_norm.weight", 96).size(), 96u);
  EXPECT_TRUE(file.has_tensor("output.weight"));
  EXPECT_EQ(file.tensor_names().front(), "token_embd.weight");
  EXPECT_THROW(file.matrix("blk.1.ffn_up.weight", 96, 160), InputError);
  EXPECT_THROW(file.matrix("blk.2.ffn_up.weight", 160, 96), InputError);
  EXPECT_THROW(file.vector("blk.0.attn_norm.weight", 95), InputError);
}

TEST_F(ModelFileTest, CountsWeights) {
  const ModelFile file(
      write({.layers = 1, .query_heads = 2, .hidden = 64, .feed_forward = 32, .tied = true}));
  const int64_t attention = 2 * 128 * 64 + 2 * 64 * 64;
  const int64_t expected = kTinyVocabulary * 64 + 64 + 64 + attention + 64 + 3 * 32 * 64;
  EXPECT_EQ(file.parameters(), expected);
  EXPECT_EQ(file.weight_bytes(), static_cast<size_t>(expected) * 4);
}

TEST_F(ModelFileTest, HashNamesTheModel) {
  const ModelFile first(write({}, "first"));
  EXPECT_EQ(first.hash(), ModelFile(write({}, "again")).hash());
  EXPECT_NE(first.hash(), ModelFile(write({.seed = 2}, "other weights")).hash());
  EXPECT_NE(first.hash(), ModelFile(write({.rope_base = 5e5}, "other metadata")).hash());
}

TEST_F(ModelFileTest, ReadsFromMemoryAndVersion2) {
  auto bytes = read_file(write({}));
  bytes[4] = 2;
  const ModelFile file(std::as_bytes(std::span(bytes)), "from memory");
  EXPECT_EQ(file.path(), "from memory");
  EXPECT_EQ(file.integer("llama.block_count"), 2);
}

TEST_F(ModelFileTest, MovesWithItsTensors) {
  ModelFile file(write({}));
  const Weight before = file.matrix("output.weight", kTinyVocabulary, 192);
  const ModelFile moved(std::move(file));
  EXPECT_EQ(moved.matrix("output.weight", kTinyVocabulary, 192).data, before.data);
}

}  // namespace
}  // namespace kvcompress::test
