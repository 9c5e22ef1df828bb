#include "eval/compare/results_folder.h"

#include <fcntl.h>             // open
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError, IoError, InputError
#include <sys/file.h>          // flock
#include <sys/stat.h>          // fstat
#include <unistd.h>            // fsync, ftruncate

#include <cstring>            // std::strerror
#include <filesystem>         // std::filesystem::create_directories
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/file.h"  // read_file

namespace kvcompress {
namespace {

constexpr const char* kResults = "results.jsonl";
constexpr const char* kContexts = "contexts.jsonl";

[[noreturn]] void fail(const std::string& path, const std::string& what) {
  throw IoError(
      fmt::format("[{}] expected to {}, got: {}; what was finished is readable, --resume goes on from it",
                  path, what, std::strerror(errno)));
}

// The file's JSON lines, and how many of its bytes they take: less than all when the last line was cut off.
std::vector<Json> read_lines(const std::string& path, size_t& whole_bytes) {
  std::vector<Json> lines;
  whole_bytes = 0;
  if (!std::filesystem::exists(path)) return lines;
  const std::string text = read_file(path);
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    if (end == std::string::npos) break;
    Json line = Json::parse(text.begin() + static_cast<std::ptrdiff_t>(start),
                            text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
    if (!line.is_object()) {
      if (end + 1 == text.size()) break;
      throw InputError(fmt::format("[{}:{}] expected a JSON object, got a line that is none; remove the line",
                                   path, lines.size() + 1));
    }
    lines.push_back(std::move(line));
    start = whole_bytes = end + 1;
  }
  return lines;
}

// Cuts a half-written last line off, so that the next one begins on a line of its own.
std::vector<Json> mend(const std::string& path) {
  size_t whole_bytes = 0;
  std::vector<Json> lines = read_lines(path, whole_bytes);
  if (std::filesystem::exists(path) && std::filesystem::file_size(path) > whole_bytes) {
    if (truncate(path.c_str(), static_cast<off_t>(whole_bytes)) != 0)
      fail(path, "cut off a half-written line");
  }
  return lines;
}

// All of the text or none of it: of a line that the disk had no room for, nothing stays.
bool append_whole(int descriptor, const std::string& text) {
  struct stat before = {};
  if (fstat(descriptor, &before) != 0) return false;
  for (size_t written = 0; written < text.size();) {
    const ssize_t count = write(descriptor, text.data() + written, text.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) {
      const int reason = count < 0 ? errno : ENOSPC;
      if (ftruncate(descriptor, before.st_size) != 0) {
        // The cut-off line is dropped by whoever reads it.
      }
      errno = reason;
      return false;
    }
    written += static_cast<size_t>(count);
  }
  return fsync(descriptor) == 0;
}

}  // namespace

std::vector<Json> read_results(const std::string& path) {
  if (!std::filesystem::exists(path)) {
    throw IoError(
        fmt::format("[{}] expected a results file, got: {}; give a folder of `kvcompress compare` or its "
                    "results.jsonl",
                    path, std::strerror(ENOENT)));
  }
  size_t whole_bytes = 0;
  std::vector<Json> rows = read_lines(path, whole_bytes);
  for (size_t i = 0; i < rows.size(); i++) {
    for (const char* key : {"cell", "model", "task", "label", "method", "budget", "cache"}) {
      if (rows[i].contains(key)) continue;
      throw InputError(fmt::format(
          "[{}:{}] expected the field {}, got a row without it; is this a results.jsonl?", path, i + 1, key));
    }
  }
  return rows;
}

ResultsFolder::ResultsFolder(const std::string& path, bool resume) : path_(path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) {
    errno = error.value();
    fail(path, "make the folder");
  }
  lock_ = open(file(".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock_ < 0) fail(file(".lock"), "open the lock");
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    close(lock_);
    throw UsageError(
        fmt::format("[{}] expected a folder that no other process writes, got one that is in use; wait "
                    "for it to end, or give another -o",
                    path));
  }
  const bool used = std::filesystem::exists(file(kResults)) || std::filesystem::exists(file(kContexts));
  if (used && !resume) {
    close(lock_);
    throw UsageError(fmt::format(
        "[{}] expected a folder without results, got one that has some; give --resume to go on with "
        "them, or another -o",
        path));
  }
  try {
    for (const Json& row : mend(file(kResults))) cells_[row.value("cell", std::string())] = true;
    mend(file(kContexts));
  } catch (...) {
    close(lock_);
    throw;
  }
}

ResultsFolder::~ResultsFolder() { close(lock_); }

void ResultsFolder::append(const std::string& name, const Json& line) const {
  const int descriptor = open(file(name).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) fail(file(name), "open the file");
  const bool written = append_whole(descriptor, dump(line, -1) + "\n");
  const int reason = errno;
  close(descriptor);
  errno = reason;
  if (!written) fail(file(name), "write a line");
}

void ResultsFolder::add_row(const Json& row) {
  append(kResults, row);
  cells_[row.at("cell")] = true;
}

std::map<std::string, Json> ResultsFolder::contexts(const std::string& unit) const {
  std::map<std::string, Json> found;
  size_t whole_bytes = 0;
  for (const Json& line : read_lines(file(kContexts), whole_bytes)) {
    if (line.value("unit", "") != unit) continue;
    Json& cells = found[line.at("context")];
    for (const auto& [key, stored] : line.at("cells").items()) cells[key] = stored;
  }
  return found;
}

void ResultsFolder::add_context(const std::string& unit, const std::string& context, const Json& cells) {
  append(kContexts, {{"unit", unit}, {"context", context}, {"cells", cells}});
}

void ResultsFolder::forget_contexts() {
  std::error_code ignored;
  std::filesystem::remove(file(kContexts), ignored);
}

}  // namespace kvcompress
