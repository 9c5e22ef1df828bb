#include <fcntl.h>  // open
#include <fmt/format.h>
#include <kvcompress/error.h>
#include <sys/stat.h>  // stat, fchmod
#include <unistd.h>    // write, fsync, getpid

#include <atomic>
#include <cerrno>
#include <cstdio>      // std::rename
#include <cstring>     // std::strerror
#include <filesystem>  // std::filesystem::canonical

#include "base/file.h"

namespace kvcompress {
namespace {

[[noreturn]] void fail(const std::string& path, int reason) {
  const char* hint = reason == ENOSPC   ? "free some space or write elsewhere"
                     : reason == ENOENT ? "create the folder first"
                     : reason == EPIPE  ? "keep its reader open"
                                        : "check the path and its permissions";
  throw IoError(fmt::format("[{}] expected a file that can be written, got: {}; {}", path,
                            std::strerror(reason), hint));
}

// Returns 0, or the reason as an errno value.
int write_all(int descriptor, std::string_view content) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(descriptor, content.data(), content.size());
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return errno;
    content.remove_prefix(static_cast<size_t>(wrote));
  }
  return 0;
}

void write_in_place(const std::string& path, std::string_view content) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) fail(path, errno);
  int reason = write_all(descriptor, content);
  if (::close(descriptor) != 0 && reason == 0) reason = errno;
  if (reason != 0) fail(path, reason);
}

// The folder's entry must reach the disk too. A file system that cannot sync folders has nothing better to
// offer.
void sync_folder_of(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return;
  ::fsync(descriptor);
  ::close(descriptor);
}

void write_and_rename(const std::string& path, std::string_view content, const struct stat* replaced) {
  static std::atomic<unsigned> counter{0};
  const std::string temporary = fmt::format("{}.{}-{}.tmp", path, ::getpid(), counter.fetch_add(1));
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor < 0) fail(path, errno);
  int reason = write_all(descriptor, content);
  if (reason == 0 && replaced != nullptr && ::fchmod(descriptor, replaced->st_mode & 07777) != 0)
    reason = errno;
  if (reason == 0 && ::fsync(descriptor) != 0) reason = errno;
  if (::close(descriptor) != 0 && reason == 0) reason = errno;
  if (reason == 0 && std::rename(temporary.c_str(), path.c_str()) != 0) reason = errno;
  if (reason != 0) {
    ::unlink(temporary.c_str());
    fail(path, reason);
  }
  sync_folder_of(path);
}

}  // namespace

void write_file(const std::string& path, std::string_view content) {
  struct stat status;
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) fail(path, errno);
  if (exists && S_ISDIR(status.st_mode)) fail(path, EISDIR);
  if (exists && (!S_ISREG(status.st_mode) || path.starts_with("/dev/"))) return write_in_place(path, content);
  // A symbolic link stays one: what it points at is replaced.
  std::error_code unresolved;
  const std::filesystem::path real = std::filesystem::canonical(path, unresolved);
  write_and_rename(exists && !unresolved ? real.string() : path, content, exists ? &status : nullptr);
}

}  // namespace kvcompress
