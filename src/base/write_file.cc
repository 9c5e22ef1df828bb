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

}  // namespace

ReplacedFile::ReplacedFile(const std::string& path) : path_(path), target_(path) {
  static std::atomic<unsigned> counter{0};
  struct stat status;
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (!exists && errno != ENOENT) fail(path, errno);
  if (exists && S_ISDIR(status.st_mode)) fail(path, EISDIR);
  if (exists && (!S_ISREG(status.st_mode) || path.starts_with("/dev/"))) {
    descriptor_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (descriptor_ < 0) fail(path, errno);
    return;
  }
  // A symbolic link stays one: what it points at is replaced.
  std::error_code unresolved;
  const std::filesystem::path real = std::filesystem::canonical(path, unresolved);
  if (exists && !unresolved) target_ = real.string();
  if (exists) mode_ = status.st_mode & 07777;
  temporary_ = fmt::format("{}.{}-{}.tmp", target_, ::getpid(), counter.fetch_add(1));
  descriptor_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (descriptor_ < 0) {
    temporary_.clear();
    fail(path, errno);
  }
}

ReplacedFile::~ReplacedFile() {
  close();
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

int ReplacedFile::close() {
  if (descriptor_ < 0) return 0;
  const int closed = ::close(descriptor_);
  descriptor_ = -1;
  return closed != 0 ? errno : 0;
}

void ReplacedFile::give_up(int reason) {
  close();
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
  temporary_.clear();
  fail(path_, reason);
}

void ReplacedFile::write(std::string_view part) {
  if (const int reason = write_all(descriptor_, part); reason != 0) give_up(reason);
}

void ReplacedFile::commit() {
  if (temporary_.empty()) {
    if (const int reason = close(); reason != 0) fail(path_, reason);
    return;
  }
  if (mode_ && ::fchmod(descriptor_, *mode_) != 0) give_up(errno);
  if (::fsync(descriptor_) != 0) give_up(errno);
  if (const int reason = close(); reason != 0) give_up(reason);
  if (std::rename(temporary_.c_str(), target_.c_str()) != 0) give_up(errno);
  temporary_.clear();
  sync_folder_of(target_);
}

void write_file(const std::string& path, std::string_view content) {
  ReplacedFile file(path);
  file.write(content);
  file.commit();
}

}  // namespace kvcompress
