// `--require EXPR`: a figure of the result that the user insists on, as cache.ratio>=8 or cache.bytes<=64MiB.
#pragma once

#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "eval/receipt_json.h"  // Json

namespace kvcompress {

class Gate {
 public:
  // fields: every field that the command's results may have. UsageError for anything but FIELD OP
  // NUMBER[SUFFIX] with a field of these and OP one of >= <= > < == !=. Suffixes: k M G (also kB MB GB) are
  // powers of 1000, KiB MiB GiB of 1024, % is 1/100.
  Gate(const std::string& expression, const std::vector<std::string>& fields);

  // Why the result does not pass; nullopt when it does. A figure that the result lacks does not pass.
  std::optional<std::string> failure(const Json& result) const;

 private:
  bool holds(double value) const;

  std::string expression_, field_, operator_;
  double bound_ = 0;
};

// The dotted names of all numbers in a JSON object; arrays are left out.
std::vector<std::string> number_fields(const Json& json);

}  // namespace kvcompress
