// Ctrl-C: while an engine works the first one asks it to stop, so that the receipt so far can be shown; at
// any other time, and the second time, the program ends at once. The same for a model file that is cut
// shorter while it is mapped: reading beyond its end is SIGBUS. Always one line and exit code 1, never death
// by signal.
#pragma once

#include <atomic>  // std::atomic

namespace kvcompress {

// SIGINT, SIGTERM and SIGBUS as above; SIGPIPE is ignored, so that a closed pipe is an error of the write.
void install_signal_handlers();

bool interrupted();

// While this lives, an interrupt sets the flag.
class StopOnInterrupt {
 public:
  explicit StopOnInterrupt(std::atomic<bool>& flag);
  ~StopOnInterrupt();
  StopOnInterrupt(const StopOnInterrupt&) = delete;
  StopOnInterrupt& operator=(const StopOnInterrupt&) = delete;
};

}  // namespace kvcompress
