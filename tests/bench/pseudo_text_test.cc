#include "bench/pseudo_text.h"

#include <gtest/gtest.h>

#include <algorithm>  // std::count

#include "support/fixtures.h"
#include "support/tiny_gguf.h"

namespace kvcompress {
namespace {

TEST(PseudoText, IsTheSameForASeedAndAnotherForAnother) {
  EXPECT_EQ(pseudo_text(500, 1), pseudo_text(500, 1));
  EXPECT_NE(pseudo_text(500, 1), pseudo_text(500, 2));
}

TEST(PseudoText, HasTheWordsAskedForInSentences) {
  const std::string text = pseudo_text(1000, 3);
  EXPECT_GE(std::count(text.begin(), text.end(), ' ') + std::count(text.begin(), text.end(), '\n'), 990);
  EXPECT_TRUE(text[0] >= 'A' && text[0] <= 'Z') << text.substr(0, 40);
  EXPECT_EQ(text.find("  "), std::string::npos);
  for (size_t at = text.find('.'); at != std::string::npos && at + 4 < text.size();
       at = text.find('.', at + 1)) {
    const size_t next = text.find_first_not_of(" \n", at + 1);
    EXPECT_TRUE(next == std::string::npos || (text[next] >= 'A' && text[next] <= 'Z')) << text.substr(at, 12);
    EXPECT_TRUE(text[at + 1] == ' ' || text[at + 1] == '\n') << text.substr(at, 12);
  }
}

TEST(PseudoText, GivesExactlyTheTokensAskedFor) {
  test::TemporaryFolder folder;
  const std::string path = folder.file("tiny.gguf");
  test::write_tiny_gguf({}, path);
  const Vocabulary vocabulary(path);
  for (const int64_t count : {1, 17, 3000}) {
    const std::vector<int32_t> tokens = pseudo_tokens(vocabulary, count, 1);
    EXPECT_EQ(static_cast<int64_t>(tokens.size()), count);
  }
  EXPECT_EQ(pseudo_tokens(vocabulary, 40, 1), pseudo_tokens(vocabulary, 40, 1));
  EXPECT_NE(pseudo_tokens(vocabulary, 40, 1), pseudo_tokens(vocabulary, 40, 2));
}

}  // namespace
}  // namespace kvcompress
