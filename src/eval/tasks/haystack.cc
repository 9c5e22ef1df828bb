#include "eval/tasks/haystack.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError

#include <algorithm>   // std::max, std::min
#include <filesystem>  // std::filesystem::path

#include "eval/tasks/task_data.h"  // find_data
#include "eval/text_windows.h"     // read_texts

namespace kvcompress {
namespace {

bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Whether a word (without the spaces after it) ends a sentence: its stop may stand before closing quotes.
bool ends_sentence(std::string_view word) {
  while (!word.empty() && std::string_view("\"')]").find(word.back()) != std::string_view::npos) {
    word.remove_suffix(1);
  }
  return !word.empty() && std::string_view(".!?").find(word.back()) != std::string_view::npos;
}

std::string with_single_spaces(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (!is_space(c)) {
      result += c;
    } else if (!result.empty() && result.back() != ' ') {
      result += ' ';
    }
  }
  return result;
}

}  // namespace

Haystack::Haystack(std::string text, const std::string& place) : text_(std::move(text)) {
  if (text_.empty() || !is_space(text_.back())) text_ += '\n';
  bool begins = true;
  for (size_t at = 0; at < text_.size();) {
    size_t end = at;
    while (end < text_.size() && !is_space(text_[end])) end++;
    size_t next = end;
    while (next < text_.size() && is_space(text_[next])) next++;
    if (end > at) {
      starts_.push_back(at);
      begins_.push_back(begins);
      const std::string_view spaces = std::string_view(text_).substr(end, next - end);
      begins = ends_sentence(std::string_view(text_).substr(at, end - at)) ||
               spaces.find("\n\n") != std::string_view::npos;
    }
    at = next;
  }
  if (starts_.empty()) throw InputError(fmt::format("[{}] expected text to hide facts in, got none", place));
}

int64_t Haystack::sentence_from(int64_t word) const {
  for (int64_t i = 0; i < words(); i++) {
    if (begins_[static_cast<size_t>((word + i) % words())]) return word + i;
  }
  return word;
}

void Haystack::append_words(std::string& text, int64_t first, int64_t count) const {
  while (count > 0) {
    const int64_t from = first % words();
    const int64_t part = std::min(count, words() - from);
    const size_t begin = starts_[static_cast<size_t>(from)];
    const size_t end = from + part < words() ? starts_[static_cast<size_t>(from + part)] : text_.size();
    text.append(text_, begin, end - begin);
    first += part;
    count -= part;
  }
}

Haystack::Hidden Haystack::hide(int64_t first, int64_t count, const std::vector<Fact>& facts) const {
  Hidden hidden;
  std::vector<size_t> offsets;
  int64_t done = 0;
  for (const Fact& fact : facts) {
    const auto wanted = static_cast<int64_t>(fact.depth_percent / 100 * static_cast<double>(count));
    const int64_t place = std::min(std::max(done, sentence_from(first + wanted) - first), count);
    append_words(hidden.text, first + done, place - done);
    done = place;
    const bool after_space = hidden.text.empty() || is_space(hidden.text.back());
    size_t skip = 0;
    while (after_space && skip < fact.text.size() && fact.text[skip] == ' ') skip++;
    offsets.push_back(hidden.text.size());
    hidden.text.append(fact.text, skip);
    if (!is_space(hidden.text.back())) hidden.text += ' ';
  }
  append_words(hidden.text, first + done, count - done);
  while (!hidden.text.empty() && is_space(hidden.text.back())) hidden.text.pop_back();
  for (const size_t offset : offsets) {
    const double share =
        static_cast<double>(offset) / static_cast<double>(std::max<size_t>(hidden.text.size(), 1));
    hidden.depths.push_back(100 * std::min(share, 1.0));
  }
  return hidden;
}

Haystack read_haystack(const std::string& data, bool one_line) {
  const std::string path =
      is_file(data) && data.ends_with(".txt") ? data : find_data(data, "needle", "PaulGrahamEssays");
  std::string text;
  for (const TextFile& file : read_texts(path)) {
    if (!file.path.ends_with(".txt")) continue;
    text += file.text;
    if (!text.empty() && text.back() != '\n') text += '\n';
  }
  return Haystack(one_line ? with_single_spaces(text) : std::move(text), path);
}

}  // namespace kvcompress
