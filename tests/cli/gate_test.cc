#include "cli/gate.h"

#include <gtest/gtest.h>
#include <kvcompress/error.h>

#include <nlohmann/json.hpp>  // nlohmann::ordered_json

namespace kvcompress {
namespace {

const Json kResult = {{"cache", {{"ratio", 8.0}, {"bytes", 64 << 20}}}, {"accuracy", 0.5}, {"text", "abc"}};
const std::vector<std::string> kFields = {"cache.ratio", "cache.bytes", "accuracy", "time.ttft_ms"};

bool passes(const std::string& expression) { return !Gate(expression, kFields).failure(kResult).has_value(); }

TEST(Gate, ComparesByEveryOperator) {
  EXPECT_TRUE(passes("cache.ratio>=8"));
  EXPECT_TRUE(passes("cache.ratio<=8"));
  EXPECT_TRUE(passes("cache.ratio==8"));
  EXPECT_FALSE(passes("cache.ratio!=8"));
  EXPECT_FALSE(passes("cache.ratio>8"));
  EXPECT_FALSE(passes("cache.ratio<8"));
  EXPECT_TRUE(passes("cache.ratio > 7.9"));
}

TEST(Gate, KnowsSuffixes) {
  EXPECT_TRUE(passes("cache.bytes==64MiB"));
  EXPECT_TRUE(passes("cache.bytes==65536 KiB"));
  EXPECT_TRUE(passes("cache.bytes>67MB"));
  EXPECT_TRUE(passes("cache.bytes<1G"));
  EXPECT_TRUE(passes("accuracy==50%"));
}

TEST(Gate, AFigureThatIsNotThereDoesNotPass) { EXPECT_FALSE(passes("time.ttft_ms>0")); }

TEST(Gate, SaysWhatItGot) {
  const auto failure = Gate("cache.ratio>=9", kFields).failure(kResult);
  ASSERT_TRUE(failure.has_value());
  EXPECT_EQ(*failure, "[--require] expected cache.ratio>=9, got 8.0");
}

TEST(Gate, RefusesWhatIsNoExpression) {
  for (const char* wrong : {"", "cache.ratio", "cache.ratio>=", "cache.ratio>=x", "cache.ratio>=8X",
                            "cache.ratio=8", "cache.rato>=8", ">=8", "text==abc"}) {
    EXPECT_THROW(Gate(wrong, kFields), UsageError) << wrong;
  }
}

TEST(Gate, NamesTheNearestField) {
  try {
    Gate("cache.rato>=8", kFields);
    FAIL() << "no error";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("'cache.ratio'"), std::string::npos) << error.what();
  }
}

TEST(Gate, FieldsAreTheNumbersOfAnObject) {
  EXPECT_EQ(number_fields(kResult), (std::vector<std::string>{"cache.ratio", "cache.bytes", "accuracy"}));
}

}  // namespace
}  // namespace kvcompress
