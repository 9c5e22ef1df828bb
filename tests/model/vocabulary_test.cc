#include "model/vocabulary.h"

#include <gtest/gtest.h>

#include <fstream>  // std::ifstream
#include <nlohmann/json.hpp>

#include "kvcompress/error.h"
#include "model/model_file.h"
#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress::test {
namespace {

class VocabularyTest : public testing::Test {
 protected:
  std::string write(const TinyModel& model) {
    write_tiny_gguf(model, folder_.file("tiny.gguf"));
    return folder_.file("tiny.gguf");
  }

  TemporaryFolder folder_;
};

TEST_F(VocabularyTest, BytePairs) {
  const Vocabulary vocabulary(write({}));
  EXPECT_EQ(vocabulary.size(), kTinyVocabulary);
  EXPECT_FALSE(vocabulary.adds_bos());
  EXPECT_EQ(vocabulary.bos(), 0);
  EXPECT_TRUE(vocabulary.ends_generation(2));
  EXPECT_FALSE(vocabulary.ends_generation(50));
  const std::string text = "the sand and \xF0\x9F\x98\x80\xE4\xBD\xA0";
  const auto tokens = vocabulary.tokenize(text, true, false);
  EXPECT_LT(tokens.size(), text.size());  // merges are in use
  EXPECT_EQ(vocabulary.text(tokens), text);
  EXPECT_TRUE(vocabulary.tokenize("", true, true).empty());
}

TEST_F(VocabularyTest, SentencePieces) {
  const Vocabulary vocabulary(ModelFile(write({.architecture = "gemma3"})));
  EXPECT_TRUE(vocabulary.adds_bos());
  EXPECT_EQ(vocabulary.tokenize("", true, false), std::vector<int32_t>{1});
  const auto tokens = vocabulary.tokenize("the\n", true, false);
  EXPECT_EQ(tokens.front(), 1);
  EXPECT_EQ(vocabulary.text(tokens), " the\n");  // the tokenizer puts a space in front
}

TEST_F(VocabularyTest, SpecialTokens) {
  const Vocabulary vocabulary(write({}));
  const std::string text = "<|im_end|>";
  EXPECT_EQ(vocabulary.tokenize(text, false, true), std::vector<int32_t>{2});
  EXPECT_EQ(vocabulary.tokenize(text, false, false).size(), text.size());
  EXPECT_EQ(vocabulary.piece(2), "");
  EXPECT_EQ(vocabulary.piece(2, true), text);
  EXPECT_THROW(vocabulary.piece(-1), UsageError);
  EXPECT_THROW(vocabulary.piece(kTinyVocabulary), UsageError);
}

TEST_F(VocabularyTest, BadText) {
  const Vocabulary vocabulary(write({}));
  const std::string with_nul("a\0b", 3);
  EXPECT_EQ(vocabulary.text(vocabulary.tokenize(with_nul, false, false)), with_nul);
  EXPECT_FALSE(vocabulary.tokenize("\xFF\xC0\x80", false, false).empty());
  const std::string longer(100000, 'x');
  EXPECT_EQ(vocabulary.tokenize(longer, false, false).size(), longer.size());
}

TEST_F(VocabularyTest, ChatTemplate) {
  const Vocabulary vocabulary(write({}));
  ASSERT_TRUE(vocabulary.has_chat_template());
  const ChatMessage messages[] = {{"system", "Be brief."}, {"user", "Hi"}};
  EXPECT_EQ(
      vocabulary.apply_chat_template(messages, true),
      "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n");
  const ChatMessage one[] = {{"user", std::string(5000, 'x')}};
  EXPECT_EQ(vocabulary.apply_chat_template(one, false).size(),
            5000 + std::string("<|im_start|>user\n<|im_end|>\n").size());
  const ChatMessage with_nul[] = {{"user", std::string("a\0b", 3)}};
  EXPECT_THROW(vocabulary.apply_chat_template(with_nul, true), InputError);
}

TEST_F(VocabularyTest, NoChatTemplate) {
  const Vocabulary vocabulary(write({.sentence_piece = true}));
  EXPECT_FALSE(vocabulary.has_chat_template());
  const ChatMessage messages[] = {{"user", "Hi"}};
  EXPECT_THROW(vocabulary.apply_chat_template(messages, true), UsageError);
}

TEST_F(VocabularyTest, RefusesATokenTwice) {
  auto bytes = read_file(write({}));
  const std::string from = "word270", to = "word271";
  const auto at = std::search(bytes.begin(), bytes.end(), from.begin(), from.end());
  ASSERT_NE(at, bytes.end());
  std::copy(to.begin(), to.end(), at);
  write_file(folder_.file("twice.gguf"), bytes);
  EXPECT_THROW(Vocabulary(folder_.file("twice.gguf")), InputError);
}

class RealModelTokens : public testing::TestWithParam<const char*> {};

TEST_P(RealModelTokens, AreLlamaTokenizes) {
  const auto model = models_folder() / GetParam();
  const auto golden =
      shared_folder() / "peers/golden/tokens" / std::filesystem::path(GetParam()).replace_extension("json");
  KVC_SKIP_WITHOUT(model);
  KVC_SKIP_WITHOUT(golden);
  const Vocabulary vocabulary(model.string());
  const auto cases = nlohmann::json::parse(std::ifstream(golden)).at("cases");
  EXPECT_EQ(cases.size(), 22u);
  for (const auto& one : cases) {
    const auto text = one.at("text").get<std::string>();
    EXPECT_EQ(vocabulary.tokenize(text, true, false), one.at("ids").get<std::vector<int32_t>>())
        << one.at("name");
    EXPECT_EQ(vocabulary.tokenize(text, true, true), one.at("ids_special").get<std::vector<int32_t>>())
        << one.at("name");
  }
}

INSTANTIATE_TEST_SUITE_P(All, RealModelTokens, testing::Values(kSmolLm2, kGemma3, kQwen25),
                         [](const auto& info) { return std::string(info.param).substr(0, 5); });

}  // namespace
}  // namespace kvcompress::test
