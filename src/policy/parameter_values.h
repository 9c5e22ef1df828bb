// Parameter values as people write them: parsing gives nothing for what is not exactly such a value.
#pragma once

#include <cstdint>      // int64_t
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view

namespace kvcompress {

std::optional<int64_t> parse_integer(std::string_view text);  // decimal, optional sign
std::optional<double> parse_real(std::string_view text);      // finite
std::optional<double> parse_share(std::string_view text);     // 0.25 or 25%, in (0, 1]
std::optional<int64_t> parse_bytes(std::string_view text);    // 4096, 64MiB, 1.5GB; at least 1
std::optional<bool> parse_boolean(std::string_view text);     // true, false

std::string print_real(double value);    // shortest text that gives the same number back
std::string print_share(double value);   // 25% where that gives the same number back, else 0.123
std::string print_bytes(int64_t value);  // 64MiB where exact, else 67108865

}  // namespace kvcompress
