// One list of parameters per policy, visited for everything: defaults, help, parsing, checking, printing, JSON.
#pragma once

#include <cstdint>      // int64_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

class ParameterVisitor {
 public:
  virtual ~ParameterVisitor() = default;
  virtual void integer(std::string_view name, int64_t& value, int64_t minimum, int64_t maximum,
                       std::string_view help) = 0;
  virtual void real(std::string_view name, double& value, double minimum, double maximum, std::string_view help) = 0;
  virtual void boolean(std::string_view name, bool& value, std::string_view help) = 0;
  virtual void choice(std::string_view name, std::string& value, const std::vector<std::string_view>& choices,
                      std::string_view help) = 0;
  virtual void integers(std::string_view name, std::vector<int64_t>& value, int64_t minimum, int64_t maximum,
                        std::string_view help) = 0;
};

}  // namespace kvcompress
