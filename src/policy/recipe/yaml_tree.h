// The small part of YAML that recipes use: maps, lists and plain values, with line numbers. Anchors, aliases,
// tags, several documents, duplicate keys and deep or huge texts are errors, so that a file from anywhere is
// safe to read.
#pragma once

#include <cstddef>      // size_t
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

// Longer texts are refused.
constexpr size_t kMaxRecipeBytes = 64 * 1024;

struct YamlNode {
  enum class Kind { value, list, map };
  Kind kind = Kind::value;
  std::string key;                // in the map that this is an entry of
  std::string text;               // of a value; null is the empty text
  int line = 0;                   // from 1
  std::vector<YamlNode> items;    // of a list
  std::vector<YamlNode> entries;  // of a map, in the order of the text
};

// Throws UsageError "[recipe ORIGIN:LINE] ...".
YamlNode parse_yaml(std::string_view text, const std::string& origin);

}  // namespace kvcompress
