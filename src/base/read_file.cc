#include <fcntl.h>  // open
#include <fmt/format.h>
#include <kvcompress/error.h>
#include <sys/stat.h>  // fstat
#include <unistd.h>    // read, pread, close

#include <algorithm>  // std::min
#include <cerrno>
#include <cstring>  // std::strerror

#include "base/file.h"
#include "base/text.h"  // format_bytes

namespace kvcompress {
namespace {

[[noreturn]] void fail(const std::string& name, int reason) {
  const char* hint = reason == ENOENT   ? "check the path"
                     : reason == EISDIR ? "name a file inside it"
                                        : "check the file and its permissions";
  throw IoError(
      fmt::format("[{}] expected a file that can be read, got: {}; {}", name, std::strerror(reason), hint));
}

}  // namespace

std::string read_descriptor(int descriptor, const std::string& name, size_t limit_bytes) {
  std::string content;
  size_t filled = 0;
  for (;;) {
    // One byte beyond the limit is asked for, so that a longer file is told from one that just fits.
    const size_t step = std::min(std::max<size_t>(filled, 64 * 1024), limit_bytes + 1 - filled);
    content.resize(filled + step);
    const ssize_t got = ::read(descriptor, content.data() + filled, step);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(name, errno);
    filled += static_cast<size_t>(got);
    if (got == 0) break;
    if (filled > limit_bytes) {
      throw InputError(fmt::format("[{}] expected at most {}, got more; use a smaller file", name,
                                   format_bytes(limit_bytes)));
    }
  }
  content.resize(filled);
  return content;
}

std::string read_file(const std::string& path, size_t limit_bytes) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, errno);
  try {
    std::string content = read_descriptor(descriptor, path, limit_bytes);
    ::close(descriptor);
    return content;
  } catch (...) {
    ::close(descriptor);
    throw;
  }
}

InputFile::InputFile(const std::string& path) : path_(path) {
  // O_NONBLOCK: opening a pipe must not wait for a writer.
  descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor_ < 0) fail(path, errno);
  struct stat status {};
  const int reason = ::fstat(descriptor_, &status) != 0 ? errno
                     : S_ISDIR(status.st_mode)          ? EISDIR
                     : !S_ISREG(status.st_mode)         ? ESPIPE
                                                        : 0;
  if (reason != 0) {
    ::close(descriptor_);
    fail(path, reason);
  }
  size_ = static_cast<uint64_t>(status.st_size);
}

InputFile::~InputFile() { ::close(descriptor_); }

void InputFile::read(std::span<std::byte> out) {
  while (!out.empty()) {
    const ssize_t got = ::pread(descriptor_, out.data(), out.size(), static_cast<off_t>(offset_));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, errno);
    // Another process has cut the file off since its size was read.
    if (got == 0) fail(path_, ENODATA);
    offset_ += static_cast<uint64_t>(got);
    out = out.subspan(static_cast<size_t>(got));
  }
}

}  // namespace kvcompress
