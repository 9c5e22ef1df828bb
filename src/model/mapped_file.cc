#include "model/mapped_file.h"

#include <fcntl.h>  // open
#include <fmt/format.h>
#include <sys/mman.h>  // mmap
#include <sys/stat.h>  // fstat
#include <unistd.h>    // close

#include <cerrno>   // errno
#include <cstring>  // strerror

#include "kvcompress/error.h"

namespace kvcompress {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& got) {
  throw IoError(fmt::format(
      "[model file] expected a readable file at {}, got: {}; check the path and its permissions", path, got));
}

// Closes when the scope ends: the mapping outlives the descriptor.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) close(value);
  }
};

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not wait for a writer.
  const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (file.value < 0) fail(path, std::strerror(errno));
  struct stat status {};
  if (fstat(file.value, &status) != 0) fail(path, std::strerror(errno));
  if (!S_ISREG(status.st_mode)) fail(path, S_ISDIR(status.st_mode) ? "a directory" : "not a regular file");
  if (status.st_size == 0) {
    throw InputError(
        fmt::format("[model file] expected a GGUF file, got an empty one: {}; fetch it again", path));
  }
  const auto size = static_cast<size_t>(status.st_size);
  void* memory = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.value, 0);
  if (memory == MAP_FAILED) fail(path, std::strerror(errno));
  // Every weight is read in the first step; a refusal only costs speed.
  madvise(memory, size, MADV_WILLNEED);
  bytes_ = {static_cast<const std::byte*>(memory), size};
}

MappedFile::~MappedFile() { munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size()); }

}  // namespace kvcompress
