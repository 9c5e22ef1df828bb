#include "eval/tasks/task_data.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError

#include <algorithm>          // std::count
#include <filesystem>         // std::filesystem::path
#include <nlohmann/json.hpp>  // nlohmann::json

#include "base/file.h"  // read_file
#include "base/text.h"  // invalid_utf8_offset

namespace kvcompress {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

int64_t line_of(std::string_view text, size_t offset) {
  return 1 +
         std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(std::min(offset, text.size())), '\n');
}

std::string line_place(const std::string& path, int64_t line) {
  return fmt::format("{}, line {}", path, line);
}

// `first_line`: of the text in its file.
json parse(std::string_view text, const std::string& path, int64_t first_line) {
  try {
    return json::parse(text);
  } catch (const json::parse_error& error) {
    const size_t offset = error.byte > 0 ? error.byte - 1 : 0;
    const std::string place = line_place(path, first_line + line_of(text, offset) - 1);
    if (const auto bad = invalid_utf8_offset(text)) {
      throw InputError(fmt::format("[{}] expected UTF-8 text, got an invalid byte", place));
    }
    const bool cut = offset >= text.size();
    throw InputError(fmt::format("[{}] expected a whole JSON value, got {}", place,
                                 cut ? "an end before it is complete; the file may be cut off"
                                     : fmt::format("a mistake at character {}", error.byte)));
  }
}

std::string blank_free(std::string_view line) {
  return std::string(line.substr(0, line.find_last_not_of(" \t\r") + 1));
}

}  // namespace

std::vector<Record> read_json_lines(const std::string& path) {
  const std::string text = read_file(path);
  std::vector<Record> records;
  int64_t line = 0;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    const std::string content = blank_free(std::string_view(text).substr(at, end - at));
    at = end + 1;
    line++;
    if (content.empty()) continue;
    records.emplace_back(line_place(path, line), parse(content, path, line));
  }
  if (records.empty())
    throw InputError(fmt::format("[{}] expected JSON objects, one a line, got none", path));
  return records;
}

Record read_json_object(const std::string& path) { return Record(path, parse(read_file(path), path, 1)); }

std::vector<Record> read_json_list(const std::string& path) {
  const json list = parse(read_file(path), path, 1);
  if (!list.is_array() || list.empty()) {
    throw InputError(fmt::format("[{}] expected a list of JSON objects, got {}", path,
                                 list.is_array() ? "an empty one" : "something else"));
  }
  std::vector<Record> records;
  for (const json& item : list)
    records.emplace_back(fmt::format("{}, entry {}", path, records.size() + 1), item);
  return records;
}

void require_data(const std::string& data) {
  std::error_code ignored;
  if (data.empty() || fs::exists(data, ignored)) return;
  throw InputError(fmt::format("[--data] expected a file or folder, got \"{}\", which is not there", data));
}

bool is_file(const std::string& path) {
  std::error_code ignored;
  return fs::is_regular_file(path, ignored);
}

std::optional<std::string> look_for(const std::string& data, const std::string& set,
                                    const std::string& name) {
  if (data.empty()) return std::nullopt;
  const fs::path given(data);
  fs::path base = is_file(data) ? given.parent_path() : given;
  if (base.empty()) base = ".";
  const fs::path up = fs::absolute(base).lexically_normal() / "..";
  for (const fs::path& folder : {base, base / set, up / set, up}) {
    std::error_code ignored;
    const fs::path candidate = (folder / name).lexically_normal();
    if (fs::exists(candidate, ignored)) return candidate.string();
  }
  return std::nullopt;
}

std::string find_data(const std::string& data, const std::string& set, const std::string& name) {
  require_data(data);
  if (auto found = look_for(data, set, name)) return *found;
  throw InputError(
      fmt::format("[--data] expected a folder with {}/{}, got {}; give the folder that holds it with "
                  "--data DIR",
                  set, name, data.empty() ? "no --data" : fmt::format("\"{}\" without it", data)));
}

}  // namespace kvcompress
