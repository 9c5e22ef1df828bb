// Options that several commands share, declared once.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "cli/gate.h"       // Gate
#include "engine/engine.h"  // EngineOptions, SamplingOptions
#include "policy/recipe.h"  // Recipe

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 names it
class App;       // its header takes seconds to compile
}

namespace kvcompress {

struct ModelFlags {
  std::string path;
  EngineOptions engine;
  std::string precision = "fast";

  // context_names: of the option for the length a sequence may have.
  void declare(CLI::App& app, const std::string& context_names = "-c,--context");
  EngineOptions options() const;  // UsageError for a value out of its range
};

struct RecipeFlags {
  std::string recipe, budget;
  std::vector<std::string> overrides, profiles;
  std::string prefill_name = "exact";

  // several: --recipe and --budget take lists, A,B,..
  void declare(CLI::App& app, bool several);
  PrefillMode prefill() const;
  Recipe one() const;
  struct Named {
    Recipe recipe;
    std::string budget;  // as given; empty: the recipe's own
  };
  std::vector<Named> grid() const;  // every recipe at every budget, in the order given; `full` once
  std::vector<CalibrationPtr> calibrations() const;  // of --profile

 private:
  Recipe resolve(const std::string& name, const std::string& amount,
                 const std::vector<CalibrationPtr>& calibrations) const;
};

struct SamplingFlags {
  SamplingOptions sampling;

  void declare(CLI::App& app);
};

struct OutputFlags {
  bool json = false, quiet = false, verbose = false, no_progress = false;
  std::string file, log_format = "text";
  std::vector<std::string> requirements;

  // writes_file: the command has -o. gated: it has --require. progress: it takes long enough to show some.
  void declare(CLI::App& app, bool writes_file, bool gated, bool progress);
  void apply() const;  // checks the values, opens what must be open; call before any work
  std::vector<Gate> gates(const std::vector<std::string>& fields) const;
  bool shows_progress() const;
};

// "0,4096,8192" as whole numbers of at least `minimum`; UsageError that names the option.
std::vector<int64_t> parse_list(const std::string& option, const std::string& text, int64_t minimum);
std::vector<std::string> split(const std::string& text, char separator);

// IoError unless the folder that a file is to be written to exists.
void check_folder(const std::string& option, const std::string& file);

// UsageError "[option] expected ..., got ..." unless the value is in the range.
void check_range(const std::string& option, int64_t value, int64_t minimum, int64_t maximum);

}  // namespace kvcompress
