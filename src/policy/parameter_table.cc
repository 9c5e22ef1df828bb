#include "policy/parameter_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <limits>   // std::numeric_limits
#include <utility>  // std::move

#include "policy/parameter_values.h"  // print_share, print_bytes

namespace kvcompress {
namespace {

std::string integer_range(int64_t minimum, int64_t maximum) {
  return maximum == std::numeric_limits<int64_t>::max() ? fmt::format(">= {}", minimum)
                                                        : fmt::format("{}..{}", minimum, maximum);
}

// A row for every parameter, in the order of the visit.
class Table final : public ParameterVisitor {
 public:
  void integer(std::string_view name, int64_t& value, int64_t minimum, int64_t maximum,
               std::string_view help) override {
    rows.push_back({std::string(name), "integer", value < minimum ? "" : fmt::format("{}", value),
                    integer_range(minimum, maximum), std::string(help)});
  }

  void real(std::string_view name, double& value, double minimum, double maximum,
            std::string_view help) override {
    rows.push_back({std::string(name), "real", value < minimum ? "" : print_real(value),
                    fmt::format("{}..{}", minimum, maximum), std::string(help)});
  }

  void share(std::string_view name, double& value, std::string_view help) override {
    rows.push_back({std::string(name), "share", value <= 0 ? "" : print_share(value), "(0, 1] or (0%, 100%]",
                    std::string(help)});
  }

  void bytes(std::string_view name, int64_t& value, std::string_view help) override {
    rows.push_back({std::string(name), "bytes", value < 1 ? "" : print_bytes(value),
                    ">= 1, as 4096, 64MiB or 1.5GB", std::string(help)});
  }

  void boolean(std::string_view name, bool& value, std::string_view help) override {
    rows.push_back(
        {std::string(name), "boolean", value ? "true" : "false", "true, false", std::string(help)});
  }

  void choice(std::string_view name, std::string& value, const std::vector<std::string_view>& choices,
              std::string_view help) override {
    rows.push_back(
        {std::string(name), "choice", value, fmt::format("{}", fmt::join(choices, ", ")), std::string(help)});
  }

  void integers(std::string_view name, std::vector<int64_t>& value, int64_t minimum, int64_t maximum,
                std::string_view help) override {
    rows.push_back({std::string(name), "integers", fmt::format("[{}]", fmt::join(value, ", ")),
                    fmt::format("each {}", integer_range(minimum, maximum)), std::string(help)});
  }

  void reals(std::string_view name, std::vector<double>& value, double minimum, double maximum,
             std::string_view help) override {
    std::vector<std::string> items;
    for (const double item : value) items.push_back(print_real(item));
    rows.push_back({std::string(name), "reals", fmt::format("[{}]", fmt::join(items, ", ")),
                    fmt::format("each {}..{}", minimum, maximum), std::string(help)});
  }

  std::vector<ParameterRow> rows;
};

}  // namespace

std::vector<ParameterRow> visited_rows(const std::function<void(ParameterVisitor&)>& visit) {
  Table table;
  visit(table);
  return std::move(table.rows);
}

}  // namespace kvcompress
