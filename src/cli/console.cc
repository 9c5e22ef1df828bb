#include "cli/console.h"

#include <fcntl.h>             // open, fcntl
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // IoError, Cancelled
#include <unistd.h>            // read, write

#include <algorithm>          // std::replace
#include <cerrno>             // errno
#include <cstring>            // std::strerror
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "cli/interrupt.h"      // interrupted
#include "eval/receipt_json.h"  // Json, dump

namespace kvcompress {
namespace {

bool output_was_closed = false;
LogFormat log_format = LogFormat::text;

// Returns errno, 0 when all was written.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(descriptor, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return errno;
    text.remove_prefix(static_cast<size_t>(written));
  }
  return 0;
}

void log(std::string_view level, std::string_view prefix, std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\n', ' ');
  if (log_format == LogFormat::json) {
    write_message(dump(Json{{"level", level}, {"message", line}}, /*indent=*/-1) + "\n");
  } else {
    write_message(fmt::format("{}{}\n", prefix, line));
  }
}

}  // namespace

void claim_standard_descriptors() {
  output_was_closed = fcntl(STDOUT_FILENO, F_GETFD) == -1;
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    // open() gives the lowest free number, and those below are taken.
    if (fcntl(descriptor, F_GETFD) == -1) open("/dev/null", O_RDWR);
  }
}

void require_output() {
  if (output_was_closed)
    throw IoError("[stdout] expected an open standard output, got a closed one; send it somewhere");
}

void write_output(std::string_view text) {
  require_output();
  if (const int error = write_all(STDOUT_FILENO, text)) {
    throw IoError(fmt::format("[stdout] expected to write {} bytes, got: {}; see where standard output goes",
                              text.size(), std::strerror(error)));
  }
}

void write_message(std::string_view text) { write_all(STDERR_FILENO, text); }

void set_log_format(LogFormat format) { log_format = format; }

void log_info(std::string_view text) { log("info", "", text); }

void log_error(std::string_view text) { log("error", "error: ", text); }

bool error_is_terminal() { return isatty(STDERR_FILENO) == 1; }

bool input_is_terminal() { return isatty(STDIN_FILENO) == 1; }

std::optional<std::string> read_line() {
  std::string line;
  for (char c = 0;;) {
    const ssize_t got = read(STDIN_FILENO, &c, 1);
    if (got < 0 && errno == EINTR) {
      if (interrupted()) throw Cancelled("[run] stopped by an interrupt");
      continue;
    }
    if (got < 0) throw IoError(fmt::format("[stdin] expected to read a line, got: {}", std::strerror(errno)));
    if (got == 0 && line.empty()) return std::nullopt;
    if (got == 0 || c == '\n') return line;
    line += c;
  }
}

}  // namespace kvcompress
