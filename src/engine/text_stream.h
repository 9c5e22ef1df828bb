// Turns token pieces into text that can be shown: holds back bytes until a UTF-8 character is whole, and text
// that may be the start of a stop string until that is decided.
#pragma once

#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stop_strings);

  // Adds the bytes of one token and returns what can be shown now. A found stop string ends the text before
  // it.
  std::string add(std::string_view piece);
  // At the end of generation: the rest, with bytes that never made a character replaced by U+FFFD.
  std::string finish();

  bool stopped() const { return stopped_; }           // a stop string was found
  const std::string& text() const { return shown_; }  // everything shown so far

 private:
  std::string release(size_t bytes);

  std::vector<std::string> stop_strings_;
  std::string shown_, pending_;
  bool stopped_ = false;
};

}  // namespace kvcompress
