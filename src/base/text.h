// Text as people read it, and UTF-8 as it must be.
#pragma once

#include <cstddef>  // size_t
#include <cstdint>  // int64_t
#include <optional>
#include <string>
#include <string_view>

namespace kvcompress {

// Offset of the first byte that is not part of well-formed UTF-8 (overlong forms, surrogates and code points
// beyond U+10FFFF are not); nullopt when all of it is. A character that is cut off at the end is invalid.
std::optional<size_t> invalid_utf8_offset(std::string_view text);

// How many bytes of `text` end with a whole character: all, or all but the beginning of a last character that
// more bytes could complete. Bytes that no continuation can make valid are not held back.
size_t complete_utf8_length(std::string_view text);

// "512 B", "16.7 kB", "166.2 MB", "2.31 GB"; units of 1000.
std::string format_bytes(uint64_t bytes);

// "7,214"
std::string format_count(int64_t count);

// "0.42 ms", "8.4 ms", "312 ms", "9.31 s", "2 min 05 s", "1 h 02 min"
std::string format_duration(double seconds);

}  // namespace kvcompress
