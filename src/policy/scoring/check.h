// What a policy says when the engine hands it an array of the wrong size.
#pragma once

#include <cstddef>      // size_t
#include <string_view>  // std::string_view

namespace kvcompress {

// Throws Error "[method] expected N WHAT, got M; ..." unless the two are equal.
void expect_count(std::string_view method, std::string_view what, size_t expected, size_t got);

}  // namespace kvcompress
