#include "cli/interrupt.h"

#include <signal.h>  // sigaction
#include <unistd.h>  // write, _exit

#include <string_view>  // std::string_view

namespace kvcompress {
namespace {

std::atomic<std::atomic<bool>*> stop_flag{nullptr};
std::atomic<bool> was_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<std::atomic<bool>*>::is_always_lock_free,
              "a signal handler may only use lock-free atomics");

void on_signal(int) {
  std::atomic<bool>* flag = stop_flag.load();
  if (was_interrupted.exchange(true) || flag == nullptr) {
    constexpr std::string_view line = "error: [interrupt] stopped before there was anything to show\n";
    [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, line.data(), line.size());
    _exit(1);
  }
  flag->store(true);
}

}  // namespace

void install_signal_handlers() {
  signal(SIGPIPE, SIG_IGN);
  struct sigaction action = {};
  action.sa_handler = on_signal;  // without SA_RESTART: a read from the terminal returns
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return was_interrupted.load(); }

StopOnInterrupt::StopOnInterrupt(std::atomic<bool>& flag) { stop_flag.store(&flag); }

StopOnInterrupt::~StopOnInterrupt() { stop_flag.store(nullptr); }

}  // namespace kvcompress
