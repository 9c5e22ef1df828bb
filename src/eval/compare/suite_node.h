// One map of a suite, its entries read by name; each mistake is noted and reading goes on.
#pragma once

#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "eval/compare/problems.h"    // Problems
#include "policy/recipe/yaml_tree.h"  // YamlNode

namespace kvcompress {

class SuiteNode {
 public:
  // `what` names the map in messages: "a task".
  SuiteNode(const YamlNode& node, std::string what, Problems& problems);

  int line() const { return node_.line; }
  int line_of(const std::string& key) const;
  bool has(const std::string& key) const;

  // nullopt when the key is absent or its value wrong; a wrong one is noted.
  std::optional<std::string> text(const std::string& key);
  std::optional<int64_t> integer(const std::string& key, int64_t minimum);
  std::optional<std::string> choice(const std::string& key, const std::vector<std::string>& choices);
  // A list of plain values, or one plain value.
  std::vector<std::string> texts(const std::string& key);
  const YamlNode* node(const std::string& key);  // null when absent
  std::string required(const std::string& key);  // empty when absent, which is noted

  // Notes every key that none of these read.
  void finish();
  Problems& problems() { return problems_; }

 private:
  const YamlNode& node_;
  std::string what_;
  Problems& problems_;
  std::vector<std::string> known_;
};

}  // namespace kvcompress
