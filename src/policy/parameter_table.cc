#include "policy/parameter_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>  // std::numeric_limits

#include "policy/parameter_values.h"  // print_share, print_bytes

namespace kvcompress {
namespace {

std::string integer_range(int64_t minimum, int64_t maximum) {
  return maximum == std::numeric_limits<int64_t>::max() ? fmt::format(">= {}", minimum)
                                                        : fmt::format("{}..{}", minimum, maximum);
}

}  // namespace

void ParameterTable::integer(std::string_view name, int64_t& value, int64_t minimum, int64_t maximum,
                             std::string_view help) {
  rows.push_back({std::string(name), "integer", value < minimum ? "" : fmt::format("{}", value),
                  integer_range(minimum, maximum), std::string(help)});
}

void ParameterTable::real(std::string_view name, double& value, double minimum, double maximum,
                          std::string_view help) {
  rows.push_back({std::string(name), "real", value < minimum ? "" : print_real(value),
                  fmt::format("{}..{}", minimum, maximum), std::string(help)});
}

void ParameterTable::share(std::string_view name, double& value, std::string_view help) {
  rows.push_back({std::string(name), "share", value <= 0 ? "" : print_share(value), "(0, 1] or (0%, 100%]",
                  std::string(help)});
}

void ParameterTable::bytes(std::string_view name, int64_t& value, std::string_view help) {
  rows.push_back({std::string(name), "bytes", value < 1 ? "" : print_bytes(value),
                  ">= 1, as 4096, 64MiB or 1.5GB", std::string(help)});
}

void ParameterTable::boolean(std::string_view name, bool& value, std::string_view help) {
  rows.push_back({std::string(name), "boolean", value ? "true" : "false", "true, false", std::string(help)});
}

void ParameterTable::choice(std::string_view name, std::string& value,
                            const std::vector<std::string_view>& choices, std::string_view help) {
  rows.push_back(
      {std::string(name), "choice", value, fmt::format("{}", fmt::join(choices, ", ")), std::string(help)});
}

void ParameterTable::integers(std::string_view name, std::vector<int64_t>& value, int64_t minimum,
                              int64_t maximum, std::string_view help) {
  rows.push_back({std::string(name), "integers", fmt::format("[{}]", fmt::join(value, ", ")),
                  fmt::format("each {}", integer_range(minimum, maximum)), std::string(help)});
}

}  // namespace kvcompress
