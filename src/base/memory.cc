#include "base/memory.h"

#include <fmt/format.h>
#include <kvcompress/error.h>

#include <algorithm>  // std::min
#include <cstdint>    // SIZE_MAX
#include <fstream>
#include <optional>
#include <sstream>  // std::istringstream
#include <string_view>

namespace kvcompress {
namespace {

// The number after `key` in a file of lines "key number ...".
std::optional<size_t> keyed_number(const std::string& path, std::string_view key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string word;
    size_t value = 0;
    if (words >> word && word == key && words >> value) return value;
  }
  return std::nullopt;
}

// The number a file consists of; nullopt when it is absent or says "max".
std::optional<size_t> sole_number(const std::string& path) {
  std::ifstream file(path);
  size_t value = 0;
  if (file >> value) return value;
  return std::nullopt;
}

struct GroupFiles {
  const char* folder;       // where the hierarchy is mounted
  const char* limit;        //
  const char* usage;        //
  const char* reclaimable;  // key in memory.stat: file pages that the kernel drops before it kills
};
constexpr GroupFiles kVersion2{"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};
constexpr GroupFiles kVersion1{"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                               "total_inactive_file"};

size_t left_in_group(const std::string& folder, const GroupFiles& files) {
  const std::optional<size_t> limit = sole_number(fmt::format("{}/{}", folder, files.limit));
  const std::optional<size_t> usage = sole_number(fmt::format("{}/{}", folder, files.usage));
  if (!limit || !usage) return SIZE_MAX;
  const size_t files_held = keyed_number(folder + "/memory.stat", files.reclaimable).value_or(0);
  const size_t used = *usage - std::min(*usage, files_held);
  return *limit - std::min(*limit, used);
}

// The least that the group at `path` and those above it leave. Inside a container the path may be the host's;
// then only its top, which is the container's own group, is there.
size_t left_in_groups(const std::string& root, std::string path, const GroupFiles& files) {
  size_t left = SIZE_MAX;
  for (;;) {
    left = std::min(left, left_in_group(root + files.folder + path, files));
    if (path.empty()) return left;
    path.resize(path.rfind('/') == std::string::npos ? 0 : path.rfind('/'));
  }
}

size_t left_in_control_groups(const std::string& root) {
  size_t left = SIZE_MAX;
  std::ifstream groups(root + "/proc/self/cgroup");
  // Lines are "number:controllers:path"; version 2 is the one with number 0 and no controllers.
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    std::string path = line.substr(second + 1);
    while (!path.empty() && path.back() == '/') path.pop_back();
    if (line.starts_with("0::")) left = std::min(left, left_in_groups(root, path, kVersion2));
    if (controllers.find(",memory,") != std::string::npos) {
      left = std::min(left, left_in_groups(root, path, kVersion1));
    }
  }
  return left;
}

}  // namespace

size_t available_memory(const std::string& root) {
  const std::string path = root + "/proc/meminfo";
  const std::optional<size_t> kilobytes = keyed_number(path, "MemAvailable:");
  if (!kilobytes) {
    throw IoError(
        fmt::format("[{}] expected a line MemAvailable, got none; set the cache limit by hand", path));
  }
  return std::min(*kilobytes * 1024, left_in_control_groups(root));
}

}  // namespace kvcompress
