// The visited list of a policy as rows: for YAML, JSON, help and the documents.
#pragma once

#include <functional>  // std::function
#include <string>      // std::string
#include <vector>      // std::vector

#include "policy/parameters.h"  // ParameterVisitor

namespace kvcompress {

struct ParameterRow {
  std::string name;
  std::string type;   // integer, real, share, bytes, boolean, choice, integers, reals, answer
  std::string value;  // as in a recipe; empty: not set
  std::string range;
  std::string help;
};

// The rows of what `visit` shows to a visitor that only reads.
std::vector<ParameterRow> visited_rows(const std::function<void(ParameterVisitor&)>& visit);

// `visited` is anything with visit(ParameterVisitor&); it is copied out, never changed.
template <typename Visited>
std::vector<ParameterRow> parameter_rows(const Visited& visited) {
  // visit() is not const because other visitors write.
  return visited_rows([&](ParameterVisitor& reader) { const_cast<Visited&>(visited).visit(reader); });
}

}  // namespace kvcompress
