// The parts that the errors of this rung share.
#pragma once

#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view

namespace kvcompress {

// "did you mean 'x'?", with all known names where they are few: the last part of an error about an unknown
// name.
std::string name_advice(std::string_view typed, std::span<const std::string> known);
// In single quotes, on one line, cut to a readable length, unprintable bytes as \xNN.
std::string in_quotes(std::string_view text);
std::string joined(std::span<const std::string> names);  // "a, b, c"

}  // namespace kvcompress
