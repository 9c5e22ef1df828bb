#include "eval/text_windows.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError, IoError

#include <algorithm>   // std::sort
#include <filesystem>  // std::filesystem::directory_iterator

#include "base/file.h"  // read_file
#include "base/text.h"  // invalid_utf8_offset

namespace kvcompress {
namespace {

TextFile read_text(const std::string& path) {
  TextFile file{path, read_file(path)};
  if (const auto offset = invalid_utf8_offset(file.text)) {
    throw InputError(fmt::format(
        "[{}] expected UTF-8 text, got an invalid byte at offset {}; convert it to UTF-8", path, *offset));
  }
  return file;
}

}  // namespace

std::vector<TextFile> read_texts(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (!fs::is_directory(path, error)) return {read_text(path)};
  std::vector<std::string> paths;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    if (entry.is_regular_file() && name[0] != '.') paths.push_back(entry.path().string());
  }
  if (error) throw IoError(fmt::format("[{}] expected a readable folder, got: {}", path, error.message()));
  if (paths.empty()) throw InputError(fmt::format("[{}] expected a folder with text files, got none", path));
  std::sort(paths.begin(), paths.end());
  std::vector<TextFile> texts;
  for (const std::string& file : paths) texts.push_back(read_text(file));
  return texts;
}

std::vector<std::vector<int32_t>> cut_windows(const std::vector<std::vector<int32_t>>& texts,
                                              const WindowPlan& plan, int32_t bos) {
  std::vector<std::vector<int32_t>> windows;
  size_t longest = 0;
  bool more = true;
  for (int64_t round = 0; more; round++) {
    more = false;
    for (const auto& tokens : texts) {
      longest = std::max(longest, tokens.size());
      const int64_t start = round * plan.stride;
      if (start + plan.tokens() > static_cast<int64_t>(tokens.size())) continue;
      if (plan.limit > 0 && static_cast<int64_t>(windows.size()) == plan.limit) return windows;
      windows.emplace_back(tokens.begin() + start, tokens.begin() + start + plan.tokens());
      if (bos >= 0) windows.back()[0] = bos;
      more = true;
    }
  }
  if (windows.empty()) {
    throw InputError(
        fmt::format("[--data] expected a text of {} tokens or more (context {}, target {} and one), got "
                    "{}; lower --context or --target",
                    plan.tokens(), plan.context, plan.target, longest));
  }
  return windows;
}

std::vector<std::vector<int32_t>> cut_windows(const std::vector<TextFile>& texts, const WindowPlan& plan,
                                              const Vocabulary& vocabulary) {
  std::vector<std::vector<int32_t>> tokens;
  for (const TextFile& file : texts) {
    tokens.push_back(vocabulary.tokenize(file.text, /*add_special=*/false, /*parse_special=*/false));
  }
  return cut_windows(tokens, plan, vocabulary.adds_bos() ? vocabulary.bos() : -1);
}

}  // namespace kvcompress
