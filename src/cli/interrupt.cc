#include "cli/interrupt.h"

#include <signal.h>  // sigaction
#include <unistd.h>  // write, pause, _exit

#include <string_view>  // std::string_view

namespace kvcompress {
namespace {

std::atomic<std::atomic<bool>*> stop_flag{nullptr};
std::atomic<bool> was_interrupted{false};
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<std::atomic<bool>*>::is_always_lock_free,
              "a signal handler may only use lock-free atomics");

[[noreturn]] void end_with(std::string_view line) {
  [[maybe_unused]] const ssize_t ignored = write(STDERR_FILENO, line.data(), line.size());
  _exit(1);
}

void on_interrupt(int) {
  std::atomic<bool>* flag = stop_flag.load();
  if (was_interrupted.exchange(true) || flag == nullptr) {
    end_with("error: [interrupt] stopped before there was anything to show\n");
  }
  flag->store(true);
}

// Model files are all that the program maps. Returning would repeat the read, so a second thread that meets
// the end of the file waits for the first one to end the program.
void on_lost_page(int) {
  static std::atomic_flag ending = ATOMIC_FLAG_INIT;
  while (ending.test_and_set()) pause();
  end_with(
      "error: [model] expected the file to stay as it is while it is in use, got a read beyond its end; copy "
      "it to a place where nothing changes it\n");
}

}  // namespace

void install_signal_handlers() {
  signal(SIGPIPE, SIG_IGN);
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: a read from the terminal returns
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = on_lost_page;
  sigaction(SIGBUS, &action, nullptr);
}

bool interrupted() { return was_interrupted.load(); }

StopOnInterrupt::StopOnInterrupt(std::atomic<bool>& flag) { stop_flag.store(&flag); }

StopOnInterrupt::~StopOnInterrupt() { stop_flag.store(nullptr); }

}  // namespace kvcompress
