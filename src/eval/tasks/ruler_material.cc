#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError

#include <algorithm>  // std::all_of
#include <set>        // std::set

#include "base/file.h"  // read_file
#include "eval/tasks/ruler.h"
#include "eval/tasks/task_data.h"  // Record, find_data

namespace kvcompress {
namespace {

bool is_plain(std::string_view word) {
  return !word.empty() && std::all_of(word.begin(), word.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

}  // namespace

// One word a line; entries with anything but small letters are left out, since they would not stand out as
// words in a list.
std::vector<std::string> RulerMaterial::read_words(const std::string& file) const {
  const std::string path = find_data(data_, "ruler", "words/" + file);
  const std::string text = read_file(path);
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string word = text.substr(at, end - at);
    word.erase(word.find_last_not_of(" \t\r") + 1);
    if (is_plain(word)) words.push_back(word);
    at = end + 1;
  }
  if (words.empty()) throw InputError(fmt::format("[{}] expected words, one a line, got none", path));
  return words;
}

const Haystack& RulerMaterial::essays() {
  if (!essays_) essays_ = std::make_unique<Haystack>(read_haystack(data_, /*one_line=*/true));
  return *essays_;
}

const std::vector<std::string>& RulerMaterial::nouns() {
  if (nouns_.empty()) nouns_ = read_words("nounlist.txt");
  return nouns_;
}

const std::vector<std::string>& RulerMaterial::adjectives() {
  if (adjectives_.empty()) adjectives_ = read_words("adjectivelist.txt");
  return adjectives_;
}

const std::vector<std::string>& RulerMaterial::all_words() {
  if (!all_words_.empty()) return all_words_;
  std::set<std::string> words(nouns().begin(), nouns().end());
  words.insert(adjectives().begin(), adjectives().end());
  const auto verbs = read_words("verblist.txt");
  words.insert(verbs.begin(), verbs.end());
  all_words_.assign(words.begin(), words.end());
  return all_words_;
}

const std::vector<RulerDocument>& RulerMaterial::documents() {
  if (!documents_.empty()) return documents_;
  std::set<std::string> texts;
  for (const Record& record : read_json_lines(find_data(data_, "ruler", "nq_open_oracle.jsonl"))) {
    const Record gold = record.objects("ctxs").front();
    RulerDocument document{gold.text("text"), record.text("question"), record.texts("answers")};
    if (texts.insert(document.text).second) documents_.push_back(std::move(document));
  }
  return documents_;
}

}  // namespace kvcompress
