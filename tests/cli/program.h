// Runs the built program as a user's shell would.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>  // nlohmann::json
#include <string>             // std::string
#include <vector>             // std::vector

namespace kvcompress::test {

// The program's path from the environment KVCOMPRESS_PROGRAM, which the build sets; empty: not built.
std::string program_path();

struct Outcome {
  int code = -1;   // exit code
  int signal = 0;  // that ended it; 0: none
  double seconds = 0;
  std::string out, err;

  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

struct Invocation {
  std::vector<std::string> arguments;
  std::string input;              // standard input, a pipe
  bool terminal_input = false;    // standard input is a terminal on which `input` is typed
  std::string output_file;        // standard output goes there instead of `out`, as /dev/full
  bool close_output = false;      // standard output is closed from the start
  bool close_pipe = false;        // standard output is a pipe whose reader has gone
  double interrupt_after = 0;     // seconds until SIGINT; 0: none
  std::string interrupt_on_file;  // SIGINT once this file exists
  std::string cut_file;           // instead of SIGINT this file loses all its bytes
};

Outcome run_program(const Invocation& invocation);
inline Outcome run_program(std::vector<std::string> arguments) {
  Invocation invocation;
  invocation.arguments = std::move(arguments);
  return run_program(invocation);
}

// One line, "error: [...] ...", and nothing else; no signal.
void expect_one_line_error(const Outcome& outcome, int code);

}  // namespace kvcompress::test

#define KVC_SKIP_WITHOUT_PROGRAM()                                                \
  do {                                                                            \
    if (kvcompress::test::program_path().empty()) {                               \
      GTEST_SKIP() << "needs the program: set KVCOMPRESS_PROGRAM, as ctest does"; \
    }                                                                             \
  } while (false)
