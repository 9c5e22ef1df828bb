#include "base/text.h"

#include <fmt/format.h>

#include <cmath>  // std::round

namespace kvcompress {
namespace {

struct Utf8Step {
  size_t length;  // of the character, or of its part that is there
  enum { whole, cut_off, invalid } state;
};

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

// The range that the second byte must be in narrows for four lead bytes: that is what rules out overlong
// forms, surrogates and code points beyond U+10FFFF (Unicode 15, table 3-7).
bool second_byte_fits(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return is_continuation(second);
  }
}

size_t character_length(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return 2;
  if (lead >= 0xE0 && lead <= 0xEF) return 3;
  if (lead >= 0xF0 && lead <= 0xF4) return 4;
  return 0;
}

Utf8Step next_character(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const size_t length = character_length(byte(0));
  if (length == 0) return {1, Utf8Step::invalid};
  for (size_t i = 1; i < length; ++i) {
    if (i == text.size()) return {i, Utf8Step::cut_off};
    const bool fits = i == 1 ? second_byte_fits(byte(0), byte(1)) : is_continuation(byte(i));
    if (!fits) return {i, Utf8Step::invalid};
  }
  return {length, Utf8Step::whole};
}

}  // namespace

std::optional<size_t> invalid_utf8_offset(std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = next_character(text.substr(at));
    if (step.state != Utf8Step::whole) return at;
    at += step.length;
  }
  return std::nullopt;
}

size_t complete_utf8_length(std::string_view text) {
  // Only the last three bytes can begin a character that is not whole.
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const size_t at = text.size() - back;
    if (is_continuation(static_cast<unsigned char>(text[at]))) continue;
    return next_character(text.substr(at)).state == Utf8Step::cut_off ? at : text.size();
  }
  return text.size();
}

std::string format_bytes(uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  const double value = static_cast<double>(bytes);
  // Units change where rounding to the digits shown would give 1000.
  if (value < 999.95e3) return fmt::format("{:.1f} kB", value / 1e3);
  if (value < 999.95e6) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.2f} GB", value / 1e9);
}

std::string format_count(int64_t count) {
  std::string digits = fmt::format("{}", count);
  const size_t first = count < 0 ? 1 : 0;
  for (size_t at = digits.size(); at > first + 3;) {
    at -= 3;
    digits.insert(at, 1, ',');
  }
  return digits;
}

std::string format_duration(double seconds) {
  if (seconds < 0.9995e-3) return fmt::format("{:.2f} ms", seconds * 1e3);
  if (seconds < 99.95e-3) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 59.995) return fmt::format("{:.2f} s", seconds);
  const int64_t whole = static_cast<int64_t>(std::round(seconds));
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  const int64_t minutes = static_cast<int64_t>(std::round(seconds / 60));
  return fmt::format("{} h {:02} min", minutes / 60, minutes % 60);
}

}  // namespace kvcompress
