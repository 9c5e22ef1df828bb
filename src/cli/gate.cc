#include "cli/gate.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <array>              // std::array
#include <cstdlib>            // std::strtod
#include <nlohmann/json.hpp>  // nlohmann::ordered_json
#include <utility>            // std::pair

#include "base/nearest_name.h"  // nearest_name

namespace kvcompress {
namespace {

// Longer operators first, so that ">=" is not read as ">".
constexpr std::array<std::string_view, 6> kOperators = {">=", "<=", "==", "!=", ">", "<"};

constexpr std::array<std::pair<std::string_view, double>, 12> kSuffixes = {{{"", 1},
                                                                            {"k", 1e3},
                                                                            {"M", 1e6},
                                                                            {"G", 1e9},
                                                                            {"B", 1},
                                                                            {"kB", 1e3},
                                                                            {"MB", 1e6},
                                                                            {"GB", 1e9},
                                                                            {"KiB", 1024.0},
                                                                            {"MiB", 1024.0 * 1024},
                                                                            {"GiB", 1024.0 * 1024 * 1024},
                                                                            {"%", 0.01}}};

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t"), last = text.find_last_not_of(" \t");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

std::optional<double> parse_number(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  if (end == text.c_str()) return std::nullopt;
  const std::string suffix = trimmed(end);
  for (const auto& [name, factor] : kSuffixes) {
    if (suffix == name) return number * factor;
  }
  return std::nullopt;
}

void collect(const Json& json, const std::string& prefix, std::vector<std::string>& fields) {
  for (const auto& [key, value] : json.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (value.is_object()) collect(value, name, fields);
    if (value.is_number()) fields.push_back(name);
  }
}

const Json* find(const Json& json, const std::string& field) {
  const Json* at = &json;
  for (size_t start = 0; start <= field.size();) {
    const size_t dot = std::min(field.find('.', start), field.size());
    const auto found = at->find(field.substr(start, dot - start));
    if (found == at->end()) return nullptr;
    at = &*found;
    start = dot + 1;
  }
  return at->is_number() ? at : nullptr;
}

}  // namespace

Gate::Gate(const std::string& expression, const std::vector<std::string>& fields) : expression_(expression) {
  const auto wrong = [&](const std::string& got) {
    return UsageError(fmt::format("[--require] expected FIELD OP NUMBER as in cache.ratio>=8, got {} in '{}'",
                                  got, expression));
  };
  const size_t at = expression.find_first_of("<>=!");
  if (at == std::string::npos) throw wrong("no comparison");
  for (const std::string_view candidate : kOperators) {
    if (operator_.empty() && expression.compare(at, candidate.size(), candidate) == 0) operator_ = candidate;
  }
  if (operator_.empty()) throw wrong("an unknown comparison");
  field_ = trimmed(expression.substr(0, at));
  if (std::find(fields.begin(), fields.end(), field_) == fields.end()) {
    throw UsageError(fmt::format("[--require] expected a field of the result, got '{}'; the nearest is '{}'",
                                 field_, nearest_name(field_, fields)));
  }
  const std::string number = trimmed(expression.substr(at + operator_.size()));
  const std::optional<double> bound = parse_number(number);
  if (!bound) throw wrong(fmt::format("'{}' for a number", number));
  bound_ = *bound;
}

bool Gate::holds(double value) const {
  if (operator_ == ">=") return value >= bound_;
  if (operator_ == "<=") return value <= bound_;
  if (operator_ == ">") return value > bound_;
  if (operator_ == "<") return value < bound_;
  if (operator_ == "==") return value == bound_;
  return value != bound_;
}

std::optional<std::string> Gate::failure(const Json& result) const {
  const Json* value = find(result, field_);
  if (value == nullptr)
    return fmt::format("[--require] expected {}, got a result without {}", expression_, field_);
  if (holds(value->get<double>())) return std::nullopt;
  return fmt::format("[--require] expected {}, got {}", expression_, value->dump());
}

std::vector<std::string> number_fields(const Json& json) {
  std::vector<std::string> fields;
  collect(json, "", fields);
  return fields;
}

}  // namespace kvcompress
