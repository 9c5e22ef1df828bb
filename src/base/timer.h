#pragma once

#include <chrono>  // std::chrono::steady_clock

namespace kvcompress {

// Seconds on a clock that never jumps, from an arbitrary start.
inline double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

class Timer {
 public:
  double seconds() const { return now_seconds() - start_; }
  double milliseconds() const { return seconds() * 1e3; }
  // Starts again and returns the seconds until now.
  double restart() {
    const double now = now_seconds();
    const double elapsed = now - start_;
    start_ = now;
    return elapsed;
  }

 private:
  double start_ = now_seconds();
};

}  // namespace kvcompress
