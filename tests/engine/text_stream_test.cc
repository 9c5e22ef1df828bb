#include "engine/text_stream.h"

#include <gtest/gtest.h>

namespace kvcompress {
namespace {

TEST(TextStream, ShowsWholeCharactersOnly) {
  TextStream stream({});
  EXPECT_EQ(stream.add("a\xE2\x82"), "a");
  EXPECT_EQ(stream.add("\xAC!"), "\xE2\x82\xAC!");
  EXPECT_EQ(stream.text(), "a\xE2\x82\xAC!");
}

TEST(TextStream, ReplacesBytesThatNeverMadeACharacter) {
  TextStream stream({});
  EXPECT_EQ(stream.add("\xF0\x9F"), "");
  EXPECT_EQ(stream.finish(), "\xEF\xBF\xBD");
}

TEST(TextStream, HoldsBackThePossibleStartOfAStopString) {
  TextStream stream({"END"});
  EXPECT_EQ(stream.add("text E"), "text ");
  EXPECT_EQ(stream.add("N"), "");
  EXPECT_EQ(stream.add("C"), "ENC");
  EXPECT_FALSE(stream.stopped());
}

TEST(TextStream, CutsAtTheFirstStopString) {
  TextStream stream({"</s>", "\n\n"});
  EXPECT_EQ(stream.add("one\n"), "one");
  EXPECT_EQ(stream.add("\ntwo</s>"), "");
  EXPECT_TRUE(stream.stopped());
  EXPECT_EQ(stream.add("more"), "");
  EXPECT_EQ(stream.text(), "one");
}

TEST(TextStream, ReleasesWhatItHeldAtTheEnd) {
  TextStream stream({"STOP"});
  EXPECT_EQ(stream.add("a ST"), "a ");
  EXPECT_EQ(stream.finish(), "ST");
  EXPECT_EQ(stream.text(), "a ST");
}

}  // namespace
}  // namespace kvcompress
