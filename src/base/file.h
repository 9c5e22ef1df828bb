// Whole files in and out. Errors are IoError with the file's name and the system's reason.
#pragma once

#include <cstddef>  // size_t
#include <string>
#include <string_view>

namespace kvcompress {

// What a caller that has no limit of its own gets: more text than any context holds.
inline constexpr size_t kReadFileLimit = size_t{1} << 30;

// The whole content of a file, a pipe or a device. IoError when it cannot be read, InputError when it holds
// more than `limit_bytes`.
std::string read_file(const std::string& path, size_t limit_bytes = kReadFileLimit);

// The same from an open descriptor (0: standard input); `name` is for messages. The descriptor stays open.
std::string read_descriptor(int descriptor, const std::string& name, size_t limit_bytes = kReadFileLimit);

// Makes `content` the whole content of `path`: written to a temporary name in the same folder, synced,
// renamed, so that a reader sees the old file or the new one and never a part. A target that exists and is
// not a regular file (a pipe, /dev/full) is written in place, and so is anything under /dev, whose names
// stand for something else. Throws IoError; nothing of the temporary file stays behind then.
void write_file(const std::string& path, std::string_view content);

}  // namespace kvcompress
