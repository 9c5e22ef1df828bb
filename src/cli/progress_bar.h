// A line on the terminal that shows how far the work is; nothing at all when there is no terminal.
#pragma once

#include <cstdint>  // int64_t
#include <string>   // std::string

#include "base/timer.h"  // Timer

namespace kvcompress {

// "reading  [######------]  3,072 of 7,214 tokens · 512.3 tokens/s · 8 s left", at most `columns` wide.
std::string progress_line(const std::string& label, const std::string& unit, int64_t done, int64_t total,
                          double seconds, int columns);

class ProgressBar {
 public:
  ProgressBar(std::string label, std::string unit, bool shown);
  ~ProgressBar() { clear(); }
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void update(int64_t done, int64_t total);
  void clear();  // before anything else is written to the terminal

 private:
  std::string label_, unit_;
  bool shown_;
  bool drawn_ = false;
  Timer timer_;
  double next_draw_ = 0;
};

}  // namespace kvcompress
