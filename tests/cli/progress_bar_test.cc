#include "cli/progress_bar.h"

#include <gtest/gtest.h>

namespace kvcompress {
namespace {

TEST(ProgressLine, SaysHowFarHowFastHowLong) {
  const std::string line = progress_line("reading", "tokens", 3000, 6000, /*seconds=*/10, /*columns=*/100);
  EXPECT_NE(line.find("3,000 of 6,000 tokens"), std::string::npos) << line;
  EXPECT_NE(line.find("300.0 tokens/s"), std::string::npos) << line;
  EXPECT_NE(line.find("10.00 s left"), std::string::npos) << line;
  EXPECT_NE(line.find("####----"), std::string::npos) << line;
}

TEST(ProgressLine, NeverWrapsOnANarrowTerminal) {
  for (int columns = 1; columns < 120; columns++) {
    for (int64_t done : {0, 1, 5999, 6000}) {
      EXPECT_LT(progress_line("reading", "tokens", done, 6000, 10, columns).size(),
                static_cast<size_t>(columns));
    }
  }
}

TEST(ProgressLine, TheBarIsEmptyAtFirstAndFullAtLast) {
  EXPECT_EQ(progress_line("reading", "tokens", 0, 10, 1, 100).find('#'), std::string::npos);
  EXPECT_EQ(progress_line("reading", "tokens", 10, 10, 1, 100).find("#-"), std::string::npos);
}

}  // namespace
}  // namespace kvcompress
