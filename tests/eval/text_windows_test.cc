#include "eval/text_windows.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <fstream>  // std::ofstream
#include <numeric>  // std::iota

#include "support/fixtures.h"

namespace kvcompress {
namespace {

std::vector<int32_t> counting(int first, int count) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  std::iota(tokens.begin(), tokens.end(), first);
  return tokens;
}

void write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

TEST(TextWindows, AWindowHoldsContextTargetAndTheLastSuccessor) {
  const WindowPlan plan{.context = 3, .target = 2, .stride = 4, .limit = 0};
  const auto windows = cut_windows({counting(0, 14)}, plan, /*bos=*/-1);
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_EQ(windows[0], counting(0, 6));
  EXPECT_EQ(windows[1], counting(4, 6));
  EXPECT_EQ(windows[2], counting(8, 6));
}

TEST(TextWindows, BosTakesThePlaceOfTheFirstToken) {
  const WindowPlan plan{.context = 2, .target = 1, .stride = 4, .limit = 0};
  const auto windows = cut_windows({counting(0, 8)}, plan, /*bos=*/77);
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[1], (std::vector<int32_t>{77, 5, 6, 7}));
}

TEST(TextWindows, TextsTakeTurnsAndTheLimitCountsAll) {
  const WindowPlan plan{.context = 1, .target = 1, .stride = 3, .limit = 3};
  const auto windows = cut_windows({counting(0, 6), counting(100, 3), counting(200, 9)}, plan, -1);
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_EQ(windows[0][0], 0);
  EXPECT_EQ(windows[1][0], 100);
  EXPECT_EQ(windows[2][0], 200);
}

TEST(TextWindows, AShortTextAmongLongOnesIsPassedOver) {
  const WindowPlan plan{.context = 2, .target = 2, .stride = 5, .limit = 0};
  const auto windows = cut_windows({counting(0, 4), counting(100, 10)}, plan, -1);
  ASSERT_EQ(windows.size(), 2U);
  EXPECT_EQ(windows[1][0], 105);
}

TEST(TextWindows, NoTextLongEnoughIsAnError) {
  EXPECT_THROW(cut_windows({counting(0, 5)}, WindowPlan{.context = 3, .target = 2}, -1), InputError);
}

TEST(TextWindows, AFolderIsReadInTheOrderOfItsNames) {
  test::TemporaryFolder folder;
  write(folder.file("b.txt"), "second");
  write(folder.file("a.txt"), "first");
  write(folder.file(".hidden"), "never");
  const auto texts = read_texts(folder.path().string());
  ASSERT_EQ(texts.size(), 2U);
  EXPECT_EQ(texts[0].text, "first");
  EXPECT_EQ(texts[1].text, "second");
}

TEST(TextWindows, WhatIsNotTextIsAnError) {
  test::TemporaryFolder folder;
  write(folder.file("bad.txt"), "good\xff");
  try {
    read_texts(folder.file("bad.txt"));
    FAIL() << "no error";
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()).find("offset 4"), std::string::npos) << error.what();
  }
  EXPECT_THROW(read_texts(folder.file("absent.txt")), IoError);
  std::filesystem::create_directory(folder.path() / "empty");
  EXPECT_THROW(read_texts(folder.file("empty")), InputError);
}

}  // namespace
}  // namespace kvcompress
