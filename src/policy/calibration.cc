#include "policy/calibration.h"

#include <fmt/format.h>
#include <fmt/ranges.h>        // fmt::join
#include <kvcompress/error.h>  // InputError

#include <cmath>  // std::isfinite
#include <nlohmann/json.hpp>

#include "base/file.h"  // read_file

namespace kvcompress {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr size_t kMaxProfileBytes = size_t{1} << 28;

[[noreturn]] void refuse(const std::string& origin, const std::string& expected) {
  throw InputError(
      fmt::format("[profile {}] expected {}; make it again with kvcompress calibrate", origin, expected));
}

std::string text_of(const Json& json, const char* key, const std::string& origin) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_string()) refuse(origin, fmt::format("a text '{}'", key));
  return found->get<std::string>();
}

CalibrationArray array_of(const std::string& name, const Json& json, const std::string& origin) {
  if (!json.is_object() || !json.contains("shape") || !json.contains("values") || !json["shape"].is_array() ||
      !json["values"].is_array()) {
    refuse(origin, fmt::format("array '{}' with lists 'shape' and 'values'", name));
  }
  CalibrationArray array;
  double size = 1;
  for (const Json& length : json["shape"]) {
    if (!length.is_number_integer() || length.get<int64_t>() < 1 || size > 1e9) {
      refuse(origin, fmt::format("array '{}' with lengths of 1 or more", name));
    }
    array.shape.push_back(length.get<int64_t>());
    size *= static_cast<double>(array.shape.back());
  }
  if (size != static_cast<double>(json["values"].size())) {
    refuse(origin, fmt::format("array '{}' with {} values, got {}", name, size, json["values"].size()));
  }
  for (const Json& value : json["values"]) {
    if (!value.is_number() || !std::isfinite(value.get<float>())) {
      refuse(origin, fmt::format("finite numbers in array '{}'", name));
    }
    array.values.push_back(value.get<float>());
  }
  return array;
}

}  // namespace

const std::vector<float>& Calibration::array(const std::string& name,
                                             const std::vector<int64_t>& shape) const {
  const auto found = arrays.find(name);
  if (found == arrays.end() || found->second.shape != shape) {
    const std::string got = found == arrays.end() ? std::string("none")
                                                  : fmt::format("[{}]", fmt::join(found->second.shape, ", "));
    throw InputError(
        fmt::format("[profile {}] expected an array '{}' of [{}], got {}; make it again with "
                    "kvcompress calibrate",
                    kind, name, fmt::join(shape, ", "), got));
  }
  return found->second.values;
}

Calibration parse_calibration(std::string_view text, const std::string& origin) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded() || !json.is_object()) refuse(origin, "a JSON object");
  if (!json.contains("kvcompress_profile") || json["kvcompress_profile"] != kVersion) {
    refuse(origin, fmt::format("\"kvcompress_profile\": {}", kVersion));
  }
  Calibration out;
  out.kind = text_of(json, "kind", origin);
  out.model = text_of(json, "model", origin);
  out.model_hash = text_of(json, "model_hash", origin);
  out.data = text_of(json, "data", origin);
  if (!json.contains("arrays") || !json["arrays"].is_object()) refuse(origin, "an object 'arrays'");
  for (const auto& [name, value] : json["arrays"].items()) {
    out.arrays[name] = array_of(name, value, origin);
  }
  if (json.contains("settings") && json["settings"].is_object()) {
    for (const auto& [name, value] : json["settings"].items()) {
      out.settings[name] = value.is_string() ? value.get<std::string>() : value.dump();
    }
  }
  return out;
}

Calibration read_calibration(const std::string& path) {
  return parse_calibration(read_file(path, kMaxProfileBytes), path);
}

std::string calibration_json(const Calibration& calibration) {
  Json json = {{"kvcompress_profile", kVersion}, {"kind", calibration.kind},
               {"model", calibration.model},     {"model_hash", calibration.model_hash},
               {"data", calibration.data},       {"settings", calibration.settings}};
  for (const auto& [name, array] : calibration.arrays) {
    Json values = Json::array();
    // Six digits are beyond what any measurement here means, and keep files small.
    for (const float value : array.values) values.push_back(Json::parse(fmt::format("{:.6g}", value)));
    json["arrays"][name] = {{"shape", array.shape}, {"values", values}};
  }
  return json.dump() + "\n";
}

}  // namespace kvcompress
