#include "cli/options.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError, IoError
#include <unistd.h>            // access

#include <CLI/CLI.hpp>  // CLI::App
#include <charconv>     // std::from_chars
#include <cstring>      // std::strerror
#include <filesystem>   // std::filesystem::path

#include "bench/machine_facts.h"  // physical_cores
#include "cli/console.h"          // set_log_format, require_output
#include "policy/calibration.h"   // read_calibration

namespace kvcompress {
namespace {

void check_choice(const std::string& option, const std::string& value, const std::string& a,
                  const std::string& b) {
  if (value == a || value == b) return;
  throw UsageError(fmt::format("[{}] expected {} or {}, got '{}'", option, a, b, value));
}

}  // namespace

void ModelFlags::declare(CLI::App& app, const std::string& context_names) {
  engine.threads = physical_cores();
  app.add_option("-m,--model", path, "GGUF model file")->type_name("FILE");
  app.add_option("-t,--threads", engine.threads, "threads that compute (default: physical cores)")
      ->type_name("N");
  app.add_option(context_names, engine.context,
                 "tokens a sequence may have (default: what the model was trained for)")
      ->type_name("N");
  app.add_flag("--rope-extend", engine.rope_extend, "allow a context beyond what the model was trained for");
  app.add_option("-b,--batch-size", engine.chunk, "prompt tokens read at once")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--precision", precision, "fast, or exact: float32 activations, slower, for reference")
      ->type_name("fast|exact")
      ->capture_default_str();
}

EngineOptions ModelFlags::options() const {
  if (path.empty()) throw UsageError("[--model] expected a GGUF model file, got none; give -m FILE");
  check_choice("--precision", precision, "fast", "exact");
  check_range("--threads", engine.threads, 1, 4096);
  check_range("--batch-size", engine.chunk, 1, 65536);
  check_range("--context", engine.context, 0, int64_t{1} << 30);
  EngineOptions options = engine;
  options.precision = precision == "exact" ? Precision::exact : Precision::fast;
  return options;
}

void RecipeFlags::declare(CLI::App& app, bool several) {
  // An empty shell variable must not mean the default.
  const auto not_empty = [](const std::string& value) {
    return value.empty() ? std::string("expected a value, got an empty one") : std::string();
  };
  const std::string list = several ? "; several: A,B,.." : "";
  app.add_option("--recipe", recipe, "preset, YAML file, or A+B where B's stages replace A's" + list)
      ->type_name("NAME")
      ->check(not_empty);
  app.add_option("--budget", budget, "what may be kept: 1024 tokens a head, 25%, or 64MiB in all" + list)
      ->type_name("B")
      ->check(not_empty);
  app.add_option("--set", overrides, "one setting of the recipe, as score.window=64 (repeatable)")
      ->type_name("STAGE.KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("--profile", profiles, "what `calibrate` wrote for this model (repeatable)")
      ->type_name("FILE")
      ->allow_extra_args(false);
  app.add_option(
         "--prefill", prefill_name,
         "exact: compress after the prompt; bounded: after every chunk, so that memory stays in the budget")
      ->type_name("exact|bounded")
      ->capture_default_str();
}

std::vector<CalibrationPtr> RecipeFlags::calibrations() const {
  std::vector<CalibrationPtr> read;
  for (const std::string& path : profiles) {
    read.push_back(std::make_shared<const Calibration>(read_calibration(path)));
  }
  return read;
}

Recipe RecipeFlags::resolve(const std::string& name, const std::string& amount,
                            const std::vector<CalibrationPtr>& calibrations) const {
  check_choice("--prefill", prefill_name, "exact", "bounded");
  Recipe resolved = resolve_recipe({name, overrides, amount});
  resolved.calibrations = calibrations;
  return resolved;
}

PrefillMode RecipeFlags::prefill() const {
  return prefill_name == "bounded" ? PrefillMode::bounded : PrefillMode::exact;
}

Recipe RecipeFlags::one() const { return resolve(recipe, budget, calibrations()); }

std::vector<RecipeFlags::Named> RecipeFlags::grid() const {
  const std::vector<CalibrationPtr> given = calibrations();
  std::vector<Named> grid;
  bool full_listed = false;
  for (const std::string& name : split(recipe, ',')) {
    for (const std::string& amount : split(budget, ',')) {
      // `full` keeps everything, whatever budgets the others of the list are measured at.
      const bool full = name == "full";
      if (full && full_listed) continue;
      full_listed = full_listed || full;
      const std::string own = full && split(recipe, ',').size() > 1 ? "" : amount;
      grid.push_back({resolve(name, own, given), own});
    }
  }
  return grid;
}

void SamplingFlags::declare(CLI::App& app) {
  app.add_option("--seed", sampling.seed, "of the random choice among tokens")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--temp", sampling.temperature, "0: always the best token")
      ->type_name("X")
      ->capture_default_str();
  app.add_option("--top-k", sampling.top_k, "0: all tokens")->type_name("N")->capture_default_str();
  app.add_option("--top-p", sampling.top_p)->type_name("X")->capture_default_str();
  app.add_option("--min-p", sampling.min_p)->type_name("X")->capture_default_str();
  app.add_flag("--greedy", sampling.greedy, "always the best token");
}

void OutputFlags::declare(CLI::App& app, bool writes_file, bool gated, bool progress) {
  app.add_flag("--json", json, "one JSON object on standard output");
  if (writes_file)
    app.add_option("-o,--output", file, "write the JSON to this file as well")->type_name("FILE");
  if (gated) {
    app.add_option("--require", requirements, "exit 3 unless this holds, as cache.ratio>=8 (repeatable)")
        ->type_name("EXPR")
        ->allow_extra_args(false);
  }
  app.add_flag("-q,--quiet", quiet, "results only");
  app.add_flag("-v,--verbose", verbose, "say more");
  app.add_option("--log-format", log_format)->type_name("text|json")->capture_default_str();
  if (progress) app.add_flag("--no-progress", no_progress, "no progress line on a terminal");
}

void OutputFlags::apply() const {
  check_choice("--log-format", log_format, "text", "json");
  set_log_format(log_format == "json" ? LogFormat::json : LogFormat::text);
  require_output();
  if (!file.empty()) check_folder("-o", file);
}

void check_folder(const std::string& option, const std::string& file) {
  const std::filesystem::path folder = std::filesystem::absolute(file).parent_path();
  if (access(folder.c_str(), F_OK) == 0) return;
  throw IoError(fmt::format("[{}] expected a folder that exists, got: {}; create '{}' or give another {}",
                            file, std::strerror(errno), folder.string(), option));
}

std::vector<Gate> OutputFlags::gates(const std::vector<std::string>& fields) const {
  std::vector<Gate> gates;
  for (const std::string& requirement : requirements) gates.emplace_back(requirement, fields);
  return gates;
}

bool OutputFlags::shows_progress() const { return !quiet && !no_progress && error_is_terminal(); }

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(separator, start), text.size());
    parts.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return parts;
}

std::vector<int64_t> parse_list(const std::string& option, const std::string& text, int64_t minimum) {
  std::vector<int64_t> values;
  for (const std::string& part : split(text, ',')) {
    int64_t value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    if (error != std::errc() || end != part.data() + part.size() || value < minimum) {
      throw UsageError(fmt::format("[{}] expected whole numbers of at least {} as in 1,2,8, got '{}'", option,
                                   minimum, text));
    }
    values.push_back(value);
  }
  return values;
}

void check_range(const std::string& option, int64_t value, int64_t minimum, int64_t maximum) {
  if (value >= minimum && value <= maximum) return;
  throw UsageError(fmt::format("[{}] expected {} to {}, got {}", option, minimum, maximum, value));
}

}  // namespace kvcompress
