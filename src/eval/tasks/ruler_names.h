// Keys and values of RULER's needles.
#pragma once

#include <set>     // std::set
#include <string>  // std::string

#include "eval/tasks/ruler.h"  // RulerMaterial

namespace kvcompress {

// "adjective-noun" keys, numbers of seven digits, or UUIDs (version 4); none of them twice.
class RulerNames {
 public:
  RulerNames(bool uuid_keys, bool uuid_values, RulerMaterial& material, const Random& random)
      : uuid_keys_(uuid_keys), uuid_values_(uuid_values), material_(material), random_(random) {}

  std::string key();
  std::string value();

 private:
  std::string uuid();
  std::string words();

  bool uuid_keys_, uuid_values_;
  RulerMaterial& material_;
  Random random_;
  std::set<std::string> used_;
};

}  // namespace kvcompress
