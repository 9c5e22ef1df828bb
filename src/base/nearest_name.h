// The known name that an unknown one was probably meant to be, for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace kvcompress {

// Edits (insert, delete, replace, swap of neighbours) that turn a into b; letter case is ignored, '-' equals
// '_'.
int edit_distance(std::string_view a, std::string_view b);

// The nearest of `known` by edit distance, the first of equally near ones; empty only when `known` is.
std::string nearest_name(std::string_view name, std::span<const std::string> known);
std::string nearest_name(std::string_view name, std::span<const std::string_view> known);

}  // namespace kvcompress
