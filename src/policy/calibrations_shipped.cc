#include "policy/calibrations_shipped.h"

#include <algorithm>  // std::any_of

namespace kvcompress {
namespace {

const std::vector<CalibrationPtr>& all_shipped() {
  static const std::vector<CalibrationPtr> all = [] {
    std::vector<CalibrationPtr> parsed;
    for (const EmbeddedCalibration& embedded : embedded_calibrations()) {
      parsed.push_back(std::make_shared<Calibration>(
          parse_calibration(embedded.text, "shipped " + std::string(embedded.file))));
    }
    return parsed;
  }();
  return all;
}

}  // namespace

CalibrationPtr shipped_calibration(const std::string& kind, const std::string& model_hash) {
  for (const CalibrationPtr& shipped : all_shipped()) {
    if (shipped->kind == kind && shipped->model_hash == model_hash) return shipped;
  }
  return nullptr;
}

void attach_shipped(Recipe& recipe, const std::string& model_hash) {
  for (const std::string& kind : recipe.calibration_kinds()) {
    const bool given = std::any_of(recipe.calibrations.begin(), recipe.calibrations.end(),
                                   [&](const CalibrationPtr& one) { return one->kind == kind; });
    if (given) continue;
    if (CalibrationPtr shipped = shipped_calibration(kind, model_hash))
      recipe.calibrations.push_back(shipped);
  }
}

std::string describe_calibrations(const Recipe& recipe) {
  std::string text;
  for (const CalibrationPtr& given : recipe.calibrations) {
    text += text.empty() ? "" : "; ";
    text += "profile " + given->kind + ", measured on " + given->data;
  }
  return text;
}

}  // namespace kvcompress
