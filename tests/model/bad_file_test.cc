// Files that are not what they should be: an error of the library in one line, and nothing worse.
#include <gtest/gtest.h>

#include <algorithm>   // std::search
#include <cstring>     // memcpy
#include <functional>  // std::function
#include <random>      // std::mt19937

#include "dense/linear.h"
#include "kvcompress/error.h"
#include "model/architecture.h"
#include "model/gguf.h"
#include "model/model_file.h"
#include "model/plain_model.h"
#include "model/vocabulary.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress::test {
namespace {

using Bytes = std::vector<char>;

Bytes bytes_of(const TinyModel& model) {
  const TemporaryFolder folder;
  write_tiny_gguf(model, folder.file("tiny.gguf"));
  return read_file(folder.file("tiny.gguf"));
}

// The smallest that has every kind of tensor an architecture may have.
TinyModel small(const std::string& architecture) {
  return {.architecture = architecture, .query_heads = 2, .kv_heads = 1, .head_dim = 16, .feed_forward = 32};
}

// Builds the model and lets it read a token.
void use(const Bytes& bytes) {
  const ModelFile file(std::as_bytes(std::span(bytes)), "bytes");
  ThreadPool pool(1);
  Linear linear(pool, Precision::exact);
  const auto architecture = make_architecture(file, linear, pool);
  PlainModel model(*architecture);
  const int32_t token[] = {0};
  model.step(token, true);
}

// The error's text, which must be one line of the house's form; empty when there is none.
std::string error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    const std::string text = error.what();
    EXPECT_EQ(text.find('\n'), std::string::npos) << text;
    EXPECT_EQ(text.substr(0, 1), "[") << text;
    return text;
  }
  return {};
}

std::string error_of(const Bytes& bytes) {
  return error_of([&] { use(bytes); });
}

size_t find(const Bytes& bytes, const std::string& text, size_t after = 0) {
  const auto at =
      std::search(bytes.begin() + static_cast<std::ptrdiff_t>(after), bytes.end(), text.begin(), text.end());
  if (at == bytes.end()) throw std::runtime_error(text + " is not in the file");
  return static_cast<size_t>(at - bytes.begin());
}

void replace(Bytes& bytes, const std::string& from, const std::string& to) {
  ASSERT_EQ(from.size(), to.size());
  std::copy(to.begin(), to.end(), bytes.begin() + static_cast<std::ptrdiff_t>(find(bytes, from)));
}

template <typename T>
void put(Bytes& bytes, size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

TEST(BadFileTest, GoodOnesWork) {
  for (const std::string& name : known_architectures())
    EXPECT_EQ(error_of(bytes_of(small(name))), "") << name;
}

TEST(BadFileTest, NotThereOrNotAFile) {
  const TemporaryFolder folder;
  EXPECT_THROW(ModelFile(folder.file("missing.gguf")), IoError);
  EXPECT_THROW(ModelFile(folder.path().string()), IoError);
  EXPECT_THROW(ModelFile("/dev/null"), IoError);
  EXPECT_THROW(Vocabulary(folder.file("missing.gguf")), IoError);
  write_file(folder.file("empty.gguf"), {});
  EXPECT_THROW(ModelFile(folder.file("empty.gguf")), InputError);
}

TEST(BadFileTest, MagicAndVersion) {
  const Bytes good = bytes_of(small("llama"));
  Bytes bad = good;
  replace(bad, "GGUF", "GGML");
  EXPECT_NE(error_of(bad).find("GGML"), std::string::npos);
  for (const uint32_t version : {0u, 1u, 4u, 0x03000000u}) {
    bad = good;
    put(bad, 4, version);
    EXPECT_NE(error_of(bad).find("version 2 or 3"), std::string::npos) << version;
  }
}

TEST(BadFileTest, AbsurdCounts) {
  const Bytes good = bytes_of(small("llama"));
  for (const size_t at : {size_t{8}, size_t{16}}) {  // tensors, keys
    for (const uint64_t count : {uint64_t{1} << 20, uint64_t{1} << 40, ~uint64_t{0}}) {
      Bytes bad = good;
      put(bad, at, count);
      EXPECT_NE(error_of(bad), "") << at << " " << count;
    }
  }
  const size_t tokens = find(good, "tokenizer.ggml.tokens") + std::strlen("tokenizer.ggml.tokens") + 8;
  for (const uint64_t count : {uint64_t{1} << 32, uint64_t{1} << 62, ~uint64_t{0}}) {
    Bytes bad = good;
    put(bad, tokens, count);
    EXPECT_NE(error_of(bad), "") << count;
    put(bad, tokens + 8, count);
    EXPECT_NE(error_of(bad), "") << count;
  }
}

TEST(BadFileTest, UnknownArchitectureNamesTheKnown) {
  Bytes bad = bytes_of(small("llama"));
  const size_t value = find(bad, "general.architecture") + std::strlen("general.architecture") + 4 + 8;
  bad[value] = 'x';
  const std::string error = error_of(bad);
  EXPECT_NE(error.find("gemma3, gptneox, llama, qwen2, qwen3"), std::string::npos) << error;
  EXPECT_NE(error.find("'xlama'"), std::string::npos) << error;
}

TEST(BadFileTest, MissingTensorKeyAndUnknownTensor) {
  const Bytes good = bytes_of(small("qwen3"));
  Bytes bad = good;
  replace(bad, "blk.1.ffn_up.weight", "blk.1.ffn_xx.weight");
  EXPECT_NE(error_of(bad).find("blk.1.ffn_up.weight"), std::string::npos);
  bad = good;
  replace(bad, "qwen3.embedding_length", "qwen3.embedding_lengtx");
  EXPECT_NE(error_of(bad).find("qwen3.embedding_length"), std::string::npos);
  bad = good;
  replace(bad, "output.weight", "output.scalex");
  EXPECT_NE(error_of(bad).find("output.scalex"), std::string::npos);
}

TEST(BadFileTest, WrongShapeAndType) {
  const Bytes good = bytes_of(small("llama"));
  const std::string name = "blk.0.ffn_up.weight";
  const size_t dimensions = find(good, name) + name.size();
  Bytes bad = good;
  put<int64_t>(bad, dimensions + 4, 16);   // columns
  put<int64_t>(bad, dimensions + 12, 64);  // rows
  EXPECT_NE(error_of(bad).find("[16, 64]"), std::string::npos);
  for (const int64_t columns : {int64_t{0}, int64_t{-1}, int64_t{1} << 62}) {
    bad = good;
    put(bad, dimensions + 4, columns);
    EXPECT_NE(error_of(bad), "") << columns;
  }
  for (const int32_t type :
       {-1, 4, 15, 24, 1000}) {  // 4: no longer in use; 15 and 24: Q8_K and I8, not for weights
    bad = good;
    put(bad, dimensions + 20, type);
    EXPECT_NE(error_of(bad), "") << type;
  }
  for (const uint64_t offset : {uint64_t{1}, uint64_t{1} << 40, ~uint64_t{31}}) {
    bad = good;
    put(bad, dimensions + 24, offset);
    EXPECT_NE(error_of(bad), "") << offset;
  }
}

// The u32 of another key under a new name, the tensor data where it was before.
Bytes with_key(const std::string& key, const std::string& architecture = "llama") {
  Bytes bytes = bytes_of(small(architecture));
  const std::string old = "tokenizer.ggml.eos_token_id";  // its value is 2
  constexpr size_t kAlignment = 32;
  const auto aligned = [](size_t at) { return (at + kAlignment - 1) / kAlignment * kAlignment; };
  const size_t header = read_gguf(std::as_bytes(std::span(bytes)), "good").header.size();
  const Bytes data(bytes.begin() + static_cast<std::ptrdiff_t>(aligned(header)), bytes.end());
  bytes.resize(header);
  const auto at = bytes.begin() + static_cast<std::ptrdiff_t>(find(bytes, old));
  put<uint64_t>(bytes, find(bytes, old) - 8, key.size());
  bytes.insert(bytes.erase(at, at + static_cast<std::ptrdiff_t>(old.size())), key.begin(), key.end());
  bytes.resize(aligned(bytes.size()));
  bytes.insert(bytes.end(), data.begin(), data.end());
  return bytes;
}

TEST(BadFileTest, KindsOfModelThatAreNotSupported) {
  TinyModel model = small("llama");
  model.rope_scaling = "yarn";
  EXPECT_NE(error_of(bytes_of(model)).find("'yarn'"), std::string::npos);
  const std::pair<const char*, const char*> cases[] = {
      {"split.count", "in one file"},
      {"llama.expert_count", "a mixture of experts"},
      {"llama.rope.scaling.attn_factor", "attn_factor of 1"},
      {"llama.block_count", "llama.block_count twice"},
      {"general.alignment", "general.alignment"},
  };
  for (const auto& [key, expected] : cases) {
    const std::string error = error_of(with_key(key));
    EXPECT_NE(error.find(expected), std::string::npos) << key << ": " << error;
  }
  EXPECT_EQ(error_of(with_key("some.other.key")), "");
}

class BadBytes : public testing::TestWithParam<std::string> {};

TEST_P(BadBytes, CutAnywhere) {
  const Bytes good = bytes_of(small(GetParam()));
  const size_t header = read_gguf(std::as_bytes(std::span(good)), "good").header.size();
  for (size_t length = 1; length < good.size(); length += length < header ? 61 : 4099) {
    const Bytes cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_NE(error_of(cut), "") << length << " of " << good.size() << " bytes";
  }
}

// One flipped bit may leave a model that works; it must never do worse than throw an Error.
TEST_P(BadBytes, FlippedBits) {
  Bytes bytes = bytes_of(small(GetParam()));
  const size_t header = read_gguf(std::as_bytes(std::span(bytes)), "good").header.size();
  std::mt19937 random(11);
  int refused = 0;
  constexpr int kFlips = 600;
  for (int i = 0; i < kFlips; ++i) {
    // Half of them in the tensor table and the numbers before the tokens, which are most of the header.
    const size_t at = i % 3 == 0   ? random() % header
                      : i % 3 == 1 ? random() % 1200
                                   : header - 1 - random() % 1800;
    const char mask = static_cast<char>(1 << (random() % 8));
    bytes[at] ^= mask;
    refused += error_of(bytes).empty() ? 0 : 1;
    bytes[at] ^= mask;
  }
  EXPECT_GT(refused, kFlips / 4);
  EXPECT_EQ(error_of(bytes), "");
}

// libllama reads the same files for the vocabulary, and it would abort on some.
TEST_P(BadBytes, FlippedBitsInTheVocabulary) {
  const TemporaryFolder folder;
  Bytes bytes = bytes_of(small(GetParam()));
  const size_t header = read_gguf(std::as_bytes(std::span(bytes)), "good").header.size();
  std::mt19937 random(12);
  int refused = 0;
  for (int i = 0; i < 300; ++i) {
    const size_t at = random() % header;
    const char mask = static_cast<char>(1 << (random() % 8));
    bytes[at] ^= mask;
    write_file(folder.file("flipped.gguf"), bytes);
    bytes[at] ^= mask;
    refused += error_of([&] {
                 const Vocabulary vocabulary(folder.file("flipped.gguf"));
                 vocabulary.text(vocabulary.tokenize("the \xF0\x9F\x98\x80 and\n", true, true), true);
               }).empty()
                   ? 0
                   : 1;
  }
  EXPECT_GT(refused, 10);
}

INSTANTIATE_TEST_SUITE_P(All, BadBytes, testing::ValuesIn(known_architectures()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace kvcompress::test
