#include "eval/compare/problems.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>  // std::stable_sort

namespace kvcompress {

SuiteError::SuiteError(std::vector<std::string> lines)
    : UsageError(fmt::format("{}", fmt::join(lines, "\n"))), lines_(std::move(lines)) {}

void Problems::add(int line, const std::string& text) { lines_.emplace_back(line, text); }

void Problems::add_error(int line, const std::string& message) { lines_.emplace_back(line, message); }

void Problems::check() const {
  if (lines_.empty()) return;
  auto sorted = lines_;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<std::string> all;
  for (const auto& [line, what] : sorted) all.push_back(fmt::format("[suite {}:{}] {}", origin_, line, what));
  throw SuiteError(std::move(all));
}

}  // namespace kvcompress
