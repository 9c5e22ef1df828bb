#include "cli/program.h"

#include <fcntl.h>     // open
#include <poll.h>      // poll
#include <pty.h>       // openpty
#include <signal.h>    // kill
#include <sys/wait.h>  // waitpid
#include <unistd.h>    // fork, execv

#include <algorithm>   // std::count
#include <chrono>      // std::chrono::steady_clock
#include <cstdlib>     // std::getenv
#include <filesystem>  // std::filesystem::exists, resize_file

namespace kvcompress::test {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Pipe {
  int ends[2] = {-1, -1};
  Pipe() { EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0); }
  ~Pipe() { close_reader(), close_writer(); }
  void close_reader() { close_end(ends[0]); }
  void close_writer() { close_end(ends[1]); }
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }
};

// Puts a terminal in the pipe's place.
void make_terminal(Pipe& pipe) {
  pipe.close_reader();
  pipe.close_writer();
  EXPECT_EQ(openpty(&pipe.ends[1], &pipe.ends[0], nullptr, nullptr, nullptr), 0);
  for (const int end : pipe.ends) fcntl(end, F_SETFD, FD_CLOEXEC);
}

[[noreturn]] void become_program(const Invocation& invocation, Pipe& in, Pipe& out, Pipe& err) {
  dup2(in.ends[0], STDIN_FILENO);
  dup2(err.ends[1], STDERR_FILENO);
  if (!invocation.output_file.empty()) {
    dup2(open(invocation.output_file.c_str(), O_WRONLY), STDOUT_FILENO);
  } else {
    dup2(out.ends[1], STDOUT_FILENO);
  }
  if (invocation.close_output) close(STDOUT_FILENO);
  std::vector<std::string> arguments = invocation.arguments;
  arguments.insert(arguments.begin(), program_path());
  std::vector<char*> raw;
  for (std::string& argument : arguments) raw.push_back(argument.data());
  raw.push_back(nullptr);
  execv(raw[0], raw.data());
  _exit(127);
}

// Reads what is there; closes the pipe at its end.
void drain(Pipe& pipe, std::string& text) {
  char buffer[4096];
  const ssize_t got = read(pipe.ends[0], buffer, sizeof buffer);
  if (got > 0) {
    text.append(buffer, static_cast<size_t>(got));
  } else {
    pipe.close_reader();
  }
}

bool interrupt_due(const Invocation& invocation, double seconds) {
  if (!invocation.interrupt_on_file.empty()) return std::filesystem::exists(invocation.interrupt_on_file);
  return invocation.interrupt_after > 0 && seconds >= invocation.interrupt_after;
}

}  // namespace

std::string program_path() {
  const char* path = std::getenv("KVCOMPRESS_PROGRAM");
  return path != nullptr && std::filesystem::exists(path) ? path : "";
}

Outcome run_program(const Invocation& invocation) {
  Outcome outcome;
  Pipe in, out, err;
  if (invocation.terminal_input) make_terminal(in);
  const auto start = Clock::now();
  const pid_t child = fork();
  if (child == 0) become_program(invocation, in, out, err);
  in.close_reader();
  out.close_writer();
  err.close_writer();
  if (invocation.close_pipe) out.close_reader();
  // Inputs of these tests fit a pipe's buffer. A program that ends without reading them must not end the
  // test.
  signal(SIGPIPE, SIG_IGN);
  [[maybe_unused]] const ssize_t written =
      write(in.ends[1], invocation.input.data(), invocation.input.size());
  // A terminal that is closed would send a hangup; its end of input is typed.
  if (!invocation.terminal_input) in.close_writer();

  bool interrupted = false;
  Clock::time_point since = start;
  while (out.ends[0] >= 0 || err.ends[0] >= 0) {
    pollfd descriptors[] = {{out.ends[0], POLLIN, 0}, {err.ends[0], POLLIN, 0}};
    poll(descriptors, 2, /*timeout ms=*/5);
    if (descriptors[0].revents != 0) drain(out, outcome.out);
    if (descriptors[1].revents != 0) drain(err, outcome.err);
    if (!interrupted && interrupt_due(invocation, seconds_since(start))) {
      if (invocation.cut_file.empty()) {
        kill(child, SIGINT);
      } else {
        std::filesystem::resize_file(invocation.cut_file, 0);
      }
      since = Clock::now();
      interrupted = true;
    }
  }
  int status = 0;
  waitpid(child, &status, 0);
  outcome.seconds = seconds_since(since);  // since the interrupt when there was one
  if (WIFEXITED(status)) outcome.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) outcome.signal = WTERMSIG(status);
  return outcome;
}

void expect_one_line_error(const Outcome& outcome, int code) {
  EXPECT_EQ(outcome.signal, 0) << outcome.err;
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_EQ(outcome.err.rfind("error: [", 0), 0U) << outcome.err;
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  EXPECT_EQ(outcome.out, "");
}

}  // namespace kvcompress::test
