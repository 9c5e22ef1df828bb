// kvcompress calibrate: measures on a model what some recipes need, and writes it into a profile.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <CLI/CLI.hpp>        // CLI::App
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/file.h"  // write_file
#include "base/text.h"  // format_bytes
#include "cli/commands.h"
#include "cli/console.h"                // log_info
#include "cli/interrupt.h"              // StopOnInterrupt
#include "cli/options.h"                // ModelFlags, OutputFlags
#include "cli/progress_bar.h"           // ProgressBar
#include "cli/result.h"                 // finish
#include "eval/calibrate/calibrator.h"  // calibrate
#include "eval/receipt_json.h"          // Json
#include "policy/parameter_table.h"     // parameter_rows

namespace kvcompress {
namespace {

struct CalibrateFlags {
  ModelFlags model;
  OutputFlags output;
  std::string kind, profile;
  std::vector<std::string> data;
  CalibrationRequest request;
};

std::string kinds_text() {
  std::string text = "kinds, and what of each can be set with --set KEY=VALUE:\n";
  for (const auto& calibrator : make_calibrators()) {
    text += fmt::format("  {}: {}\n", calibrator->kind(), calibrator->summary());
    for (const ParameterRow& row : parameter_rows(*calibrator)) {
      text += fmt::format("      {} = {}: {}\n", row.name, row.value, row.help);
    }
  }
  return text;
}

Json result_json(const CalibrateFlags& flags, const Calibration& calibration, size_t bytes) {
  Json arrays;
  for (const auto& [name, array] : calibration.arrays) arrays[name] = array.shape;
  return {{"calibrate",
           {{"kind", calibration.kind},
            {"model", calibration.model},
            {"model_hash", calibration.model_hash},
            {"data", calibration.data},
            {"settings", calibration.settings},
            {"arrays", arrays},
            {"profile", flags.profile},
            {"bytes", bytes}}}};
}

std::string result_text(const CalibrateFlags& flags, const Calibration& calibration, size_t bytes) {
  std::string text = fmt::format("{} of {} from {}\n", calibration.kind, calibration.model, calibration.data);
  for (const auto& [name, value] : calibration.settings) text += fmt::format("  {}: {}\n", name, value);
  return text + fmt::format("written to {} ({})\n", flags.profile, format_bytes(bytes));
}

int run_calibration(const CalibrateFlags& flags) {
  OutputFlags checked = flags.output;
  checked.file = flags.profile;  // its folder must be there before the work
  checked.apply();
  const std::unique_ptr<Calibrator> calibrator = make_calibrator(flags.kind);
  check_range("--window", flags.request.window, 0, int64_t{1} << 30);
  check_range("--limit", flags.request.windows, 0, int64_t{1} << 30);
  if (flags.data.empty()) {
    throw UsageError("[--data] expected a text file or a folder of them, got none; give --data");
  }
  if (flags.profile.empty())
    throw UsageError("[--output] expected a file for the profile, got none; give -o FILE");
  const EngineOptions options = flags.model.options();
  CalibrationRequest request = flags.request;
  for (const std::string& path : flags.data) {
    for (TextFile& text : read_texts(path)) request.texts.push_back(std::move(text));
  }
  Engine engine(flags.model.path, options);
  if (flags.output.verbose) log_info(engine.describe());
  ProgressBar bar("calibrating", "tokens", flags.output.shows_progress());
  const StopOnInterrupt stopping(engine.stop_flag());
  const Calibration calibration =
      calibrate(engine, *calibrator, request, [&](int64_t done, int64_t total) { bar.update(done, total); });
  bar.clear();
  const std::string json = calibration_json(calibration);
  write_file(flags.profile, json);
  const std::string text = flags.output.quiet ? "" : result_text(flags, calibration, json.size());
  return finish(flags.output, result_json(flags, calibration, json.size()), text, {}, {});
}

}  // namespace

CommandBody declare_calibrate(CLI::App& app) {
  const auto flags = std::make_shared<CalibrateFlags>();
  app.footer(kinds_text());
  app.add_option("kind", flags->kind, "what to measure, see below")->type_name("KIND");
  flags->model.declare(app);
  app.add_option("--data", flags->data, "text file, or folder of text files (repeatable)")
      ->type_name("DIR|FILE")
      ->allow_extra_args(false);
  app.add_option("-o,--output", flags->profile, "the profile to write")->type_name("FILE");
  app.add_option("--window", flags->request.window, "tokens read at once (default: the kind's own)")
      ->type_name("N");
  app.add_option("--limit", flags->request.windows, "windows of the texts (default: the kind's own)")
      ->type_name("N");
  app.add_option("--seed", flags->request.seed, "of everything made up")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--set", flags->request.overrides, "one setting of the kind, as records=0.5 (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  flags->output.declare(app, /*writes_file=*/false, /*gated=*/false, /*progress=*/true);
  return [flags] { return run_calibration(*flags); };
}

}  // namespace kvcompress
