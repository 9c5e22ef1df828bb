// What `calibrate` measured on a model, for answers that cannot work without it: named arrays of numbers and
// where they come from. Files are JSON; one of another model is refused.
#pragma once

#include <cstdint>      // int64_t
#include <map>          // std::map
#include <memory>       // std::shared_ptr
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

namespace kvcompress {

struct CalibrationArray {
  std::vector<int64_t> shape;
  std::vector<float> values;  // row-major
};

struct Calibration {
  std::string kind;        // "head_importance", "gate", ...: what an answer asks for
  std::string model;       // the model's name, for messages
  std::string model_hash;  // of the model file (ModelFile::fingerprint())
  std::string data;        // what it was measured on
  std::map<std::string, std::string> settings;
  std::map<std::string, CalibrationArray> arrays;

  // Throws InputError naming the array when it is missing or of another shape.
  const std::vector<float>& array(const std::string& name, const std::vector<int64_t>& shape) const;
};

// Throws InputError "[profile ORIGIN] ...": not JSON, a missing field, numbers that do not fit the shape.
Calibration parse_calibration(std::string_view json, const std::string& origin);
Calibration read_calibration(const std::string& path);  // IoError when it cannot be read
std::string calibration_json(const Calibration& calibration);

using CalibrationPtr = std::shared_ptr<const Calibration>;

}  // namespace kvcompress
