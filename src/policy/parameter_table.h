// The visited list of a policy as rows: for YAML, JSON, help and the documents.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "policy/parameters.h"  // ParameterVisitor

namespace kvcompress {

struct ParameterRow {
  std::string name;
  std::string type;   // integer, real, share, bytes, boolean, choice, integers, answer
  std::string value;  // as in a recipe; empty: not set
  std::string range;
  std::string help;
};

class ParameterTable final : public ParameterVisitor {
 public:
  void integer(std::string_view name, int64_t& value, int64_t minimum, int64_t maximum,
               std::string_view help) override;
  void real(std::string_view name, double& value, double minimum, double maximum,
            std::string_view help) override;
  void share(std::string_view name, double& value, std::string_view help) override;
  void bytes(std::string_view name, int64_t& value, std::string_view help) override;
  void boolean(std::string_view name, bool& value, std::string_view help) override;
  void choice(std::string_view name, std::string& value, const std::vector<std::string_view>& choices,
              std::string_view help) override;
  void integers(std::string_view name, std::vector<int64_t>& value, int64_t minimum, int64_t maximum,
                std::string_view help) override;

  std::vector<ParameterRow> rows;
};

// `visited` is anything with visit(ParameterVisitor&); it is copied out, never changed.
template <typename Visited>
std::vector<ParameterRow> parameter_rows(const Visited& visited) {
  ParameterTable table;
  // The table only reads; visit() is not const because other visitors write.
  const_cast<Visited&>(visited).visit(table);
  return table.rows;
}

}  // namespace kvcompress
