#include "base/archive.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::min
#include <bit>        // std::endian
#include <cstring>    // std::memcpy

namespace kvcompress {
namespace {

static_assert(std::endian::native == std::endian::little, "numbers are copied as they lie in memory");

constexpr size_t kBufferBytes = 256 * 1024;

}  // namespace

void Archive::field(bool& value) {
  uint8_t byte = value ? 1 : 0;
  field(byte);
  if (byte > 1) refuse("0 or 1", std::to_string(byte));
  if (reading()) value = byte != 0;
}

void Archive::field(std::string& text) {
  text.resize(length(text.size(), 1));
  raw(text.data(), text.size());
}

size_t Archive::length(size_t of_writer, size_t item_bytes) {
  uint64_t count = of_writer;
  field(count);
  const uint64_t most = room(item_bytes);
  if (count > most) refuse(fmt::format("a list of at most {} items", most), std::to_string(count));
  return static_cast<size_t>(count);
}

void Archive::same(uint64_t value, std::string_view what) {
  uint64_t read = value;
  field(read);
  if (read != value) refuse(fmt::format("{} {}", value, what), std::to_string(read));
}

void Archive::require(bool holds, std::string_view expected) const {
  if (!holds) refuse(std::string(expected), "something else");
}

void Archive::refuse(const std::string& expected, const std::string& got) const {
  throw InputError(fmt::format("[{}] expected {}, got {}; it was damaged or made for something else", name_,
                               expected, got));
}

void ArchiveWriter::raw(void* data, size_t size) {
  written_ += size;
  const auto* from = static_cast<const std::byte*>(data);
  if (buffer_.size() + size > kBufferBytes) flush();
  if (size >= kBufferBytes) return sink_({from, size});
  buffer_.insert(buffer_.end(), from, from + size);
}

void ArchiveWriter::flush() {
  if (!buffer_.empty()) sink_(buffer_);
  buffer_.clear();
}

void ArchiveReader::raw(void* data, size_t size) {
  auto* to = static_cast<std::byte*>(data);
  if (size > left_) refuse(fmt::format("{} more bytes", size), fmt::format("its end after {}", left_));
  while (size > 0) {
    if (used_ == buffer_.size()) fill();
    const size_t count = std::min(size, buffer_.size() - used_);
    std::memcpy(to, buffer_.data() + used_, count);
    used_ += count;
    left_ -= count;
    to += count;
    size -= count;
  }
}

void ArchiveReader::fill() {
  buffer_.resize(static_cast<size_t>(std::min<uint64_t>(kBufferBytes, left_)));
  source_(buffer_);
  used_ = 0;
}

}  // namespace kvcompress
