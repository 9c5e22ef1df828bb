#include "eval/compare/suite_node.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>  // std::find
#include <charconv>   // std::from_chars

#include "base/nearest_name.h"  // nearest_name

namespace kvcompress {

SuiteNode::SuiteNode(const YamlNode& node, std::string what, Problems& problems)
    : node_(node), what_(std::move(what)), problems_(problems) {
  if (node.kind == YamlNode::Kind::map) return;
  problems_.add(node.line, fmt::format("expected {} as a map, got {}; write KEY: VALUE", what_,
                                       node.kind == YamlNode::Kind::list ? "a list" : "a plain value"));
}

bool SuiteNode::has(const std::string& key) const {
  for (const YamlNode& entry : node_.entries) {
    if (entry.key == key) return true;
  }
  return false;
}

int SuiteNode::line_of(const std::string& key) const {
  for (const YamlNode& entry : node_.entries) {
    if (entry.key == key) return entry.line;
  }
  return node_.line;
}

const YamlNode* SuiteNode::node(const std::string& key) {
  known_.push_back(key);
  for (const YamlNode& entry : node_.entries) {
    if (entry.key == key) return &entry;
  }
  return nullptr;
}

std::optional<std::string> SuiteNode::text(const std::string& key) {
  const YamlNode* entry = node(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->kind == YamlNode::Kind::value && !entry->text.empty()) return entry->text;
  problems_.add(entry->line, fmt::format("expected one value for {}, got {}; write {}: VALUE", key,
                                         entry->kind == YamlNode::Kind::value ? "nothing" : "several", key));
  return std::nullopt;
}

std::optional<int64_t> SuiteNode::integer(const std::string& key, int64_t minimum) {
  const std::optional<std::string> given = text(key);
  if (!given) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(given->data(), given->data() + given->size(), value);
  if (error == std::errc() && end == given->data() + given->size() && value >= minimum) return value;
  problems_.add(line_of(key),
                fmt::format("expected {} as a whole number of at least {}, got '{}'; correct it", key,
                            minimum, *given));
  return std::nullopt;
}

std::optional<std::string> SuiteNode::choice(const std::string& key,
                                             const std::vector<std::string>& choices) {
  const std::optional<std::string> given = text(key);
  if (!given || std::find(choices.begin(), choices.end(), *given) != choices.end()) return given;
  problems_.add(line_of(key), fmt::format("expected {} to be {}, got '{}'; the nearest is '{}'", key,
                                          fmt::join(choices, " or "), *given, nearest_name(*given, choices)));
  return std::nullopt;
}

std::vector<std::string> SuiteNode::texts(const std::string& key) {
  const YamlNode* entry = node(key);
  if (entry == nullptr) return {};
  if (entry->kind == YamlNode::Kind::value) return {entry->text};
  std::vector<std::string> values;
  for (const YamlNode& item : entry->items) {
    if (item.kind == YamlNode::Kind::value && !item.text.empty()) {
      values.push_back(item.text);
    } else {
      problems_.add(item.line,
                    fmt::format("expected plain values in {}, got something else; correct it", key));
    }
  }
  if (entry->items.empty()) {
    problems_.add(entry->line, fmt::format("expected a list of values for {}, got none; write [A, B]", key));
  }
  return values;
}

std::string SuiteNode::required(const std::string& key) {
  if (!has(key)) {
    known_.push_back(key);
    problems_.add(node_.line, fmt::format("expected the key {} in {}, got none; add it", key, what_));
    return {};
  }
  return text(key).value_or("");
}

void SuiteNode::finish() {
  if (node_.kind != YamlNode::Kind::map) return;
  for (const YamlNode& entry : node_.entries) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    problems_.add(entry.line, fmt::format("expected a key of {}, got '{}'; the nearest is '{}'", what_,
                                          entry.key, nearest_name(entry.key, known_)));
  }
}

}  // namespace kvcompress
