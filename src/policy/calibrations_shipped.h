// The files profiles/*.json as the build embedded them: calibrations of the default model, so that recipes
// which need one work there without `kvcompress calibrate`.
#pragma once

#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "policy/calibration.h"  // CalibrationPtr
#include "policy/recipe.h"       // Recipe

namespace kvcompress {

struct EmbeddedCalibration {
  std::string_view file;  // "gate-smollm2-135m.json"
  std::string_view text;
};

// Sorted by file name. Written by cmake/profiles_embed.cmake.
const std::vector<EmbeddedCalibration>& embedded_calibrations();

// The one of a kind for the model of this hash (Calibration::model_hash); null when none is shipped.
CalibrationPtr shipped_calibration(const std::string& kind, const std::string& model_hash);

// Gives the recipe what is shipped of the kinds that it needs and was not given.
void attach_shipped(Recipe& recipe, const std::string& model_hash);

// "profile duo, measured on book.txt": those that a bound recipe has, for -v; empty without any.
std::string describe_calibrations(const Recipe& recipe);

}  // namespace kvcompress
