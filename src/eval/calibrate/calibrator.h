// Measurements of a model that answers to the stages need beside the recipe: one file each in
// eval/calibrate/, all of them run by calibrate().
#pragma once

#include <functional>   // std::function
#include <memory>       // std::unique_ptr
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "engine/engine.h"       // Engine
#include "eval/text_windows.h"   // TextFile
#include "policy/calibration.h"  // Calibration
#include "policy/parameters.h"   // ParameterVisitor

namespace kvcompress {

using OnTokens = std::function<void(int64_t done, int64_t total)>;

struct CalibrationRequest {
  std::vector<TextFile> texts;
  int64_t window = 0;                  // tokens read at once; 0: the kind's own
  int64_t windows = 0;                 // of the texts, at most; 0: the kind's own
  uint64_t seed = 1;                   // of everything made up
  std::vector<std::string> overrides;  // "key=value" of the kind's parameters
};

// What a calibrator measures on.
struct CalibrationData {
  std::vector<std::vector<int32_t>> windows;  // of the texts, [window] tokens each, BOS first where used
  int64_t window = 0;
  uint64_t seed = 1;
};

class Calibrator {
 public:
  virtual ~Calibrator() = default;
  virtual std::string_view kind() const = 0;  // as answers ask for it
  virtual std::string_view summary() const = 0;
  virtual int64_t default_window() const = 0;
  virtual int64_t default_windows() const = 0;
  virtual void visit(ParameterVisitor&) {}
  // What was made up beside the texts, for the profile's `data`; empty: nothing.
  virtual std::string made_up() const { return {}; }
  // Fills out.arrays, and adds to out.settings what was found on the way.
  virtual void measure(Engine& engine, const CalibrationData& data, const OnTokens& on_tokens,
                       Calibration& out) const = 0;
};

// All kinds, by name.
std::vector<std::unique_ptr<Calibrator>> make_calibrators();
// UsageError that names the nearest for one that is not known.
std::unique_ptr<Calibrator> make_calibrator(const std::string& kind);

// Sets the parameters, cuts the windows and measures. Throws UsageError for a setting that is not the kind's
// or out of its range, InputError when no text is as long as a window.
Calibration calibrate(Engine& engine, Calibrator& calibrator, const CalibrationRequest& request,
                      const OnTokens& on_tokens);

}  // namespace kvcompress
