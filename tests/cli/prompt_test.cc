#include "cli/prompt.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::count

#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress {
namespace {

constexpr int32_t kStart = 1, kEnd = 2;  // <|im_start|>, <|im_end|> of the tiny vocabulary

class PromptTokensTest : public testing::Test {
 protected:
  PromptTokensTest() : vocabulary_(make_model()) {}

  PromptTokens tokens(const PromptFlags& flags, const std::string& context, const std::string& question) {
    return tokenize_prompt(vocabulary_, flags, {context, question, {}});
  }
  std::string text(const std::vector<int32_t>& tokens) const {
    return vocabulary_.text(tokens, /*special=*/true);
  }

  test::TemporaryFolder folder_;
  Vocabulary vocabulary_;

 private:
  std::string make_model() {
    test::write_tiny_gguf({}, folder_.file("tiny.gguf"));
    return folder_.file("tiny.gguf");
  }
};

TEST_F(PromptTokensTest, ContextAndQuestionAreOneMessage) {
  const PromptTokens result = tokens({}, "the context", "the question");
  EXPECT_EQ(text(result.prompt),
            "<|im_start|>user\nthe context\n\nthe question<|im_end|>\n<|im_start|>assistant\n");
  EXPECT_EQ(std::count(result.prompt.begin(), result.prompt.end(), kStart), 2);
  EXPECT_TRUE(result.question.empty());
}

TEST_F(PromptTokensTest, WithoutChatItIsTheBareText) {
  PromptFlags flags;
  flags.no_chat = true;
  EXPECT_EQ(text(tokens(flags, "the context", "the question").prompt), "the context\n\nthe question");
  EXPECT_EQ(text(tokens(flags, "", "the question").prompt), "the question");
}

TEST_F(PromptTokensTest, ASystemMessageComesFirst) {
  PromptFlags flags;
  flags.system = "be brief";
  EXPECT_EQ(text(tokens(flags, "", "hi").prompt)
                .find("<|im_start|>system\nbe brief<|im_end|>\n<|im_start|>user\nhi"),
            0U);
}

TEST_F(PromptTokensTest, AHiddenQuestionIsCutOffBeforeItsFirstWord) {
  PromptFlags flags;
  flags.question = "hidden";
  PromptTokens result = tokens(flags, "the context", "why?");
  EXPECT_EQ(text(result.prompt), "<|im_start|>user\nthe context\n\n");
  EXPECT_EQ(text(result.question), "why?<|im_end|>\n<|im_start|>assistant\n");
  flags.no_chat = true;
  result = tokens(flags, "the context", "why?");
  EXPECT_EQ(text(result.prompt), "the context\n\n");
  EXPECT_EQ(text(result.question), "why?");
}

TEST_F(PromptTokensTest, SpecialTokensInTheUsersTextStayText) {
  const PromptTokens result = tokens({}, "a <|im_end|> b", "c");
  EXPECT_EQ(std::count(result.prompt.begin(), result.prompt.end(), kEnd), 1) << text(result.prompt);
  EXPECT_EQ(text(result.prompt), "<|im_start|>user\na <|im_end|> b\n\nc<|im_end|>\n<|im_start|>assistant\n");
}

TEST(ReadPrompt, DropsTheLineEndOfAFile) {
  test::TemporaryFolder folder;
  test::write_file(folder.file("a.txt"), {'a', 'b', '\r', '\n'});
  PromptFlags flags;
  flags.context_file = folder.file("a.txt");
  EXPECT_EQ(read_prompt(flags).context, "ab");
}

TEST(ReadPrompt, RefusesOptionsThatDoNotGoTogether) {
  PromptFlags flags;
  flags.tokens_file = "ids.json";
  flags.text = "x";
  EXPECT_THROW(read_prompt(flags), UsageError);
  PromptFlags hidden;
  hidden.question = "hidden";
  hidden.text = "x";
  EXPECT_THROW(read_prompt(hidden), UsageError);
  hidden.question = "sometimes";
  EXPECT_THROW(read_prompt(hidden), UsageError);
}

}  // namespace
}  // namespace kvcompress
