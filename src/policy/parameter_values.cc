#include "policy/parameter_values.h"

#include <fmt/format.h>

#include <array>         // std::array
#include <charconv>      // std::from_chars
#include <cmath>         // std::isfinite
#include <system_error>  // std::errc
#include <utility>       // std::pair

namespace kvcompress {
namespace {

// Largest first, binary before decimal, so that printing takes the first that divides.
constexpr std::array<std::pair<std::string_view, int64_t>, 10> kByteUnits = {{
    {"TiB", int64_t{1} << 40},
    {"GiB", int64_t{1} << 30},
    {"MiB", int64_t{1} << 20},
    {"KiB", int64_t{1} << 10},
    {"TB", 1'000'000'000'000},
    {"GB", 1'000'000'000},
    {"MB", 1'000'000},
    {"kB", 1'000},
    {"KB", 1'000},
    {"B", 1},
}};

template <typename Number>
std::optional<Number> parse_whole(std::string_view text) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) { return parse_whole<int64_t>(text); }

std::optional<double> parse_real(std::string_view text) {
  const std::optional<double> value = parse_whole<double>(text);
  return value && std::isfinite(*value) ? value : std::nullopt;
}

std::optional<double> parse_share(std::string_view text) {
  const bool percent = !text.empty() && text.back() == '%';
  if (percent) text.remove_suffix(1);
  std::optional<double> value = parse_real(text);
  if (value && percent) *value /= 100;
  return value && *value > 0 && *value <= 1 ? value : std::nullopt;
}

std::optional<int64_t> parse_bytes(std::string_view text) {
  int64_t factor = 1;
  for (const auto& [unit, size] : kByteUnits) {
    if (text.size() > unit.size() && text.ends_with(unit)) {
      factor = size;
      text.remove_suffix(unit.size());
      break;
    }
  }
  const std::optional<double> value = parse_real(text);
  // 2^53: beyond it a double no longer counts single bytes.
  if (!value || *value * static_cast<double>(factor) < 1 ||
      *value * static_cast<double>(factor) > 9007199254740992.0) {
    return std::nullopt;
  }
  return static_cast<int64_t>(*value * static_cast<double>(factor));
}

std::optional<bool> parse_boolean(std::string_view text) {
  if (text == "true") return true;
  if (text == "false") return false;
  return std::nullopt;
}

std::string print_real(double value) { return fmt::format("{}", value); }

std::string print_share(double value) {
  const std::string percent = fmt::format("{:.6g}%", value * 100);
  return parse_share(percent) == value ? percent : print_real(value);
}

std::string print_bytes(int64_t value) {
  for (const auto& [unit, size] : kByteUnits) {
    if (size > 1 && value >= size && value % size == 0) return fmt::format("{}{}", value / size, unit);
  }
  return fmt::format("{}", value);
}

}  // namespace kvcompress
