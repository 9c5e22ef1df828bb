// Errors of the library. Every failure that a caller or a file can cause is one of these classes;
// its text is one line: "[what] expected ... got ...; what to do".
#pragma once

#include <stdexcept>  // std::runtime_error
#include <string>     // std::string

namespace kvcompress {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
  // The program's exit code for this error (interface: 1 the work failed, 2 the call was wrong).
  virtual int exit_code() const noexcept { return 1; }
};

// The call was wrong: an option, a recipe, a value out of its range, two settings that cannot work together.
class UsageError : public Error {
 public:
  using Error::Error;
  int exit_code() const noexcept override { return 2; }
};

// A file or text from outside is not what it should be (cut-off model, invalid UTF-8, missing tensor).
class InputError : public Error {
 public:
  using Error::Error;
};

// The operating system refused: a file that cannot be read or written, a full disk, a closed pipe.
class IoError : public Error {
 public:
  using Error::Error;
};

// Not enough memory, or a byte limit of the cache was reached. Raised before work starts where it can be
// planned.
class CapacityError : public Error {
 public:
  using Error::Error;
};

// The caller asked the work to stop (Ctrl-C, a client that went away).
class Cancelled : public Error {
 public:
  using Error::Error;
};

}  // namespace kvcompress
