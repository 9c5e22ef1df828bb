// Where the program writes: results to standard output, everything else to standard error.
#pragma once

#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view

namespace kvcompress {

// Call first. A standard descriptor that is closed gets /dev/null, so that no file opened later takes its
// number; writing to a standard output that was closed is an error all the same.
void claim_standard_descriptors();

// Results. IoError when standard output is closed, full or gone.
void write_output(std::string_view text);
// IoError when standard output was closed from the start: known before hours of work.
void require_output();

// Messages; a failure to write one is ignored, because there is nowhere left to say so.
void write_message(std::string_view text);

enum class LogFormat { text, json };
void set_log_format(LogFormat format);
void log_info(std::string_view text);   // one line; with LogFormat::json one object
void log_error(std::string_view text);  // the same, as "error: ..."

bool error_is_terminal();
bool input_is_terminal();

// A line of standard input without its end; nullopt at the end of input. Cancelled when a signal came.
std::optional<std::string> read_line();

}  // namespace kvcompress
