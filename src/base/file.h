// Whole files in and out. Errors are IoError with the file's name and the system's reason.
#pragma once

#include <cstddef>  // size_t, std::byte
#include <cstdint>  // uint64_t
#include <optional>
#include <span>
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

// The same in parts, for what is too large to be in memory twice. Until commit() the old file is untouched;
// without it nothing stays behind, and of a process that was killed, the temporary file alone.
class ReplacedFile {
 public:
  explicit ReplacedFile(const std::string& path);
  ~ReplacedFile();
  ReplacedFile(const ReplacedFile&) = delete;
  ReplacedFile& operator=(const ReplacedFile&) = delete;

  void write(std::string_view part);
  void commit();

 private:
  int close();  // 0, or the reason as an errno value
  void give_up(int reason);

  std::string path_;              // as the caller wrote it, for messages
  std::string target_;            // where a symbolic link leads
  std::string temporary_;         // empty: written in place
  std::optional<unsigned> mode_;  // of the file that is replaced
  int descriptor_ = -1;
};

// A regular file that is read from its begin, in parts.
class InputFile {
 public:
  explicit InputFile(const std::string& path);
  ~InputFile();
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  uint64_t size() const { return size_; }
  // Fills the span with the next bytes; IoError at the file's end.
  void read(std::span<std::byte> out);
  void rewind() { offset_ = 0; }

 private:
  std::string path_;
  int descriptor_ = -1;
  uint64_t size_ = 0, offset_ = 0;
};

}  // namespace kvcompress
