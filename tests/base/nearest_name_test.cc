#include "base/nearest_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace kvcompress {
namespace {

TEST(EditDistance, CountsEdits) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("", "abc"), 3);
  EXPECT_EQ(edit_distance("abc", ""), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("sinks", "snik"), 2);  // one deleted, two neighbours swapped
  EXPECT_EQ(edit_distance("window", "widnow"), 1);
  EXPECT_EQ(edit_distance("SnapKV", "snapkv"), 0);
  EXPECT_EQ(edit_distance("streaming-llm", "streaming_llm"), 0);
}

TEST(EditDistance, IsSymmetric) {
  const std::vector<std::string> words = {"", "a", "budget", "bugdet", "tokens", "keep", "kept", "schedule"};
  for (const auto& a : words) {
    for (const auto& b : words) EXPECT_EQ(edit_distance(a, b), edit_distance(b, a)) << a << ' ' << b;
  }
}

TEST(NearestName, FindsTheIntendedOne) {
  const std::vector<std::string> known = {"full",        "h2o_l2", "l2_compress",
                                          "recent_only", "snapkv", "streaming_llm"};
  EXPECT_EQ(nearest_name("snapvk", known), "snapkv");
  EXPECT_EQ(nearest_name("StreamingLLM", known), "streaming_llm");
  EXPECT_EQ(nearest_name("l2", known), "full");  // as many edits as h2o_l2, and earlier
  EXPECT_EQ(nearest_name("h2o", known), "h2o_l2");
}

TEST(NearestName, TakesViewsToo) {
  const std::vector<std::string_view> known = {"window", "pool", "kernel"};
  EXPECT_EQ(nearest_name("windows", known), "window");
  EXPECT_EQ(nearest_name("x", std::span<const std::string_view>()), "");
}

}  // namespace
}  // namespace kvcompress
