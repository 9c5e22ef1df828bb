// All mistakes of a suite together, so that one run shows every one of them.
#pragma once

#include <kvcompress/error.h>  // UsageError

#include <string>  // std::string
#include <vector>  // std::vector

namespace kvcompress {

// Several mistakes at once; what() has a line for each.
class SuiteError : public UsageError {
 public:
  explicit SuiteError(std::vector<std::string> lines);
  const std::vector<std::string>& lines() const { return lines_; }

 private:
  std::vector<std::string> lines_;
};

class Problems {
 public:
  explicit Problems(std::string origin) : origin_(std::move(origin)) {}

  // `text`: "expected ... got ...; what to do".
  void add(int line, const std::string& text);
  // An error that has its place already: the place of the suite is added to what it says.
  void add_error(int line, const std::string& message);
  bool empty() const { return lines_.empty(); }
  // Throws SuiteError with a line for each, in the order of the suite's lines.
  void check() const;

 private:
  std::string origin_;
  std::vector<std::pair<int, std::string>> lines_;
};

}  // namespace kvcompress
