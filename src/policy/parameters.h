// One list of parameters per policy, visited for everything: defaults, help, parsing, checking, printing,
// JSON.
#pragma once

#include <cstdint>      // int64_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

// A value below its minimum is "not set": it is allowed only as a default, and printed as nothing.
class ParameterVisitor {
 public:
  virtual ~ParameterVisitor() = default;
  virtual void integer(std::string_view name, int64_t& value, int64_t minimum, int64_t maximum,
                       std::string_view help) = 0;
  virtual void real(std::string_view name, double& value, double minimum, double maximum,
                    std::string_view help) = 0;
  // (0, 1], written 0.25 or 25%; 0: not set.
  virtual void share(std::string_view name, double& value, std::string_view help) = 0;
  // >= 1, written 67108864 or 64MiB; 0: not set.
  virtual void bytes(std::string_view name, int64_t& value, std::string_view help) = 0;
  virtual void boolean(std::string_view name, bool& value, std::string_view help) = 0;
  virtual void choice(std::string_view name, std::string& value, const std::vector<std::string_view>& choices,
                      std::string_view help) = 0;
  virtual void integers(std::string_view name, std::vector<int64_t>& value, int64_t minimum, int64_t maximum,
                        std::string_view help) = 0;
  virtual void reals(std::string_view name, std::vector<double>& value, double minimum, double maximum,
                     std::string_view help) = 0;
};

}  // namespace kvcompress
