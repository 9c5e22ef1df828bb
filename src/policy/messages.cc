#include "policy/messages.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/nearest_name.h"  // nearest_name

namespace kvcompress {
namespace {

constexpr size_t kLongestQuote = 60;
constexpr size_t kFew = 16;

}  // namespace

std::string name_advice(std::string_view typed, std::span<const std::string> known) {
  if (known.empty()) return "there are none; remove it";
  const std::string nearest = nearest_name(typed.substr(0, kLongestQuote), known);
  const std::string all =
      known.size() > 1 && known.size() <= kFew ? fmt::format(" (known: {})", joined(known)) : "";
  return fmt::format("did you mean '{}'?{}", nearest, all);
}

std::string in_quotes(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, kLongestQuote)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte >= 0x20 && byte < 0x7f ? std::string(1, c) : fmt::format("\\x{:02x}", byte);
  }
  return out + (text.size() > kLongestQuote ? "...'" : "'");
}

std::string joined(std::span<const std::string> names) { return fmt::format("{}", fmt::join(names, ", ")); }

}  // namespace kvcompress
