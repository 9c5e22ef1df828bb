#include <fcntl.h>  // open
#include <fmt/format.h>
#include <kvcompress/error.h>
#include <unistd.h>  // read, close

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

}  // namespace kvcompress
