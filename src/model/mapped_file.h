// A whole file as read-only memory.
#pragma once

#include <cstddef>  // std::byte
#include <span>     // std::span
#include <string>   // std::string

namespace kvcompress {

class MappedFile {
 public:
  // Throws IoError when the file cannot be opened or mapped, InputError when it is empty.
  explicit MappedFile(const std::string& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace kvcompress
