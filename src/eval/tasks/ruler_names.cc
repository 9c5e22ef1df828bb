#include "eval/tasks/ruler_names.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // InputError

namespace kvcompress {
namespace {

constexpr int kTries = 1000;  // for a name that is not in use; the word lists are far larger than any context

}  // namespace

std::string RulerNames::uuid() {
  std::string text =
      fmt::format("{:08x}{:08x}{:08x}{:08x}", random_.bits(), random_.bits(), random_.bits(), random_.bits());
  text[12] = '4';                       // version 4
  text[16] = "89ab"[random_.below(4)];  // variant 1
  for (const size_t at : {20, 16, 12, 8}) text.insert(at, "-");
  return text;
}

std::string RulerNames::words() {
  const auto& adjectives = material_.adjectives();
  const auto& nouns = material_.nouns();
  const std::string& adjective = adjectives[random_.below(adjectives.size())];
  return fmt::format("{}-{}", adjective, nouns[random_.below(nouns.size())]);
}

std::string RulerNames::key() {
  for (int i = 0; i < kTries; i++) {
    std::string name = uuid_keys_ ? uuid() : words();
    if (used_.insert(name).second) return name;
  }
  throw InputError(
      fmt::format("[ruler] expected word lists that give more than {} keys, got none free; use longer "
                  "lists or a smaller --length",
                  used_.size() / 2));
}

std::string RulerNames::value() {
  while (true) {
    std::string name = uuid_values_ ? uuid() : std::to_string(1000000 + random_.below(9000000));
    if (used_.insert(name).second) return name;
  }
}

}  // namespace kvcompress
