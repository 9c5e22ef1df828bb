#include "base/text.h"

#include <gtest/gtest.h>

namespace kvcompress {
namespace {

struct Utf8Case {
  std::string_view text;
  std::optional<size_t> offset;
};

TEST(InvalidUtf8Offset, NamesTheFirstByteThatDoesNotBelong) {
  using namespace std::string_view_literals;
  const Utf8Case cases[] = {
      {"", std::nullopt},
      {"plain", std::nullopt},
      {"a\0b"sv, std::nullopt},
      {"\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", std::nullopt},
      {"\xF4\x8F\xBF\xBF\xEE\x80\x80\xED\x9F\xBF", std::nullopt},  // U+10FFFF, U+E000, U+D7FF
      {"ab\xFF", 2},
      {"ab\x80", 2},            // continuation alone
      {"\xC0\xAF", 0},          // overlong '/'
      {"\xC1\xBF", 0},          // overlong
      {"x\xE0\x9F\xBF", 1},     // overlong, three bytes
      {"\xF0\x8F\xBF\xBF", 0},  // overlong, four bytes
      {"\xED\xA0\x80", 0},      // surrogate
      {"\xF4\x90\x80\x80", 0},  // U+110000
      {"\xF5\x80\x80\x80", 0},  // lead byte of nothing
      {"ok\xE2\x82", 2},        // cut off
      {"\xE2\x28\xA1", 0},      // second byte wrong
      {"\xF0\x9F\x28\x80", 0},  // third byte wrong
      {"\xC3\xA9\xC3", 2},      // whole, then cut off
      {"\xC3\xA9 \xE2\x82\xAC\xFE", 6},
  };
  for (const Utf8Case& c : cases)
    EXPECT_EQ(invalid_utf8_offset(c.text), c.offset) << testing::PrintToString(c.text);
}

TEST(InvalidUtf8Offset, AgreesWithTheDefinitionOnAllThreeByteSequences) {
  int valid = 0;
  for (int lead = 0xE0; lead <= 0xEF; ++lead) {
    for (int second = 0; second < 256; ++second) {
      for (int third = 0x7F; third <= 0xC0; ++third) {
        const char bytes[] = {static_cast<char>(lead), static_cast<char>(second), static_cast<char>(third)};
        const int code = (lead & 0xF) << 12 | (second & 0x3F) << 6 | (third & 0x3F);
        const bool expected = (second & 0xC0) == 0x80 && (third & 0xC0) == 0x80 && code >= 0x800 &&
                              !(code >= 0xD800 && code <= 0xDFFF);
        ASSERT_EQ(!invalid_utf8_offset({bytes, 3}).has_value(), expected)
            << lead << ' ' << second << ' ' << third;
        valid += expected;
      }
    }
  }
  EXPECT_EQ(valid, 0x10000 - 0x800 - 0x800);
}

TEST(CompleteUtf8Length, HoldsBackOnlyWhatMoreBytesCanComplete) {
  EXPECT_EQ(complete_utf8_length(""), 0u);
  EXPECT_EQ(complete_utf8_length("abc"), 3u);
  EXPECT_EQ(complete_utf8_length("ab\xC3"), 2u);
  EXPECT_EQ(complete_utf8_length("ab\xC3\xA9"), 4u);
  EXPECT_EQ(complete_utf8_length("\xF0"), 0u);
  EXPECT_EQ(complete_utf8_length("\xF0\x9F\x98"), 0u);
  EXPECT_EQ(complete_utf8_length("\xF0\x9F\x98\x80"), 4u);
  EXPECT_EQ(complete_utf8_length("a\xE2\x82"), 1u);
  EXPECT_EQ(complete_utf8_length("a\x82\x82\x82\x82"), 5u);  // never valid, so nothing to wait for
  EXPECT_EQ(complete_utf8_length("a\xE0\x80"), 3u);          // overlong: never valid
  EXPECT_EQ(complete_utf8_length("a\xFF"), 2u);
}

TEST(FormatBytes, UsesThousands) {
  EXPECT_EQ(format_bytes(0), "0 B");
  EXPECT_EQ(format_bytes(999), "999 B");
  EXPECT_EQ(format_bytes(1000), "1.0 kB");
  EXPECT_EQ(format_bytes(16704), "16.7 kB");
  EXPECT_EQ(format_bytes(999'949), "999.9 kB");
  EXPECT_EQ(format_bytes(999'950), "1.0 MB");
  EXPECT_EQ(format_bytes(166'200'000), "166.2 MB");
  EXPECT_EQ(format_bytes(999'960'000), "1.00 GB");
  EXPECT_EQ(format_bytes(2'310'000'000), "2.31 GB");
}

TEST(FormatCount, SeparatesThousands) {
  EXPECT_EQ(format_count(0), "0");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_count(7214), "7,214");
  EXPECT_EQ(format_count(1'234'567), "1,234,567");
  EXPECT_EQ(format_count(-100), "-100");
  EXPECT_EQ(format_count(-123'456), "-123,456");
  EXPECT_EQ(format_count(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(FormatDuration, ShowsThreeFiguresOrSo) {
  EXPECT_EQ(format_duration(0.00042), "0.42 ms");
  EXPECT_EQ(format_duration(0.0084), "8.4 ms");
  EXPECT_EQ(format_duration(0.312), "312 ms");
  EXPECT_EQ(format_duration(0.9996), "1.00 s");
  EXPECT_EQ(format_duration(9.31), "9.31 s");
  EXPECT_EQ(format_duration(59.999), "1 min 00 s");
  EXPECT_EQ(format_duration(125.2), "2 min 05 s");
  EXPECT_EQ(format_duration(3599.6), "1 h 00 min");
  EXPECT_EQ(format_duration(3720), "1 h 02 min");
}

}  // namespace
}  // namespace kvcompress
