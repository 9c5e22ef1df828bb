#include "engine/text_stream.h"

#include <algorithm>  // std::min
#include <utility>    // std::move

#include "base/text.h"  // complete_utf8_length

namespace kvcompress {

namespace {

// Length of the longest end of `text` that is a proper start of `stop`.
size_t overlap(std::string_view text, std::string_view stop) {
  for (size_t n = std::min(text.size(), stop.size() - 1); n > 0; --n) {
    if (text.substr(text.size() - n) == stop.substr(0, n)) return n;
  }
  return 0;
}

}  // namespace

TextStream::TextStream(std::vector<std::string> stop_strings) : stop_strings_(std::move(stop_strings)) {
  std::erase_if(stop_strings_, [](const std::string& stop) { return stop.empty(); });
}

std::string TextStream::add(std::string_view piece) {
  if (stopped_) return {};
  pending_ += piece;
  size_t first_stop = std::string::npos;
  size_t held = 0;
  for (const std::string& stop : stop_strings_) {
    first_stop = std::min(first_stop, pending_.find(stop));
    held = std::max(held, overlap(pending_, stop));
  }
  if (first_stop != std::string::npos) {
    stopped_ = true;
    std::string shown = release(first_stop);
    pending_.clear();
    return shown;
  }
  return release(complete_utf8_length(std::string_view(pending_).substr(0, pending_.size() - held)));
}

std::string TextStream::finish() {
  const size_t whole = complete_utf8_length(pending_);
  const bool broken = whole < pending_.size();
  std::string shown = release(whole);
  pending_.clear();
  if (broken && !stopped_) {
    shown += "\xEF\xBF\xBD";
    shown_ += "\xEF\xBF\xBD";
  }
  return shown;
}

std::string TextStream::release(size_t bytes) {
  std::string shown = pending_.substr(0, bytes);
  pending_.erase(0, bytes);
  shown_ += shown;
  return shown;
}

}  // namespace kvcompress
