// kvcompress compare: a suite of models, recipes, budgets and tasks, and the report of it.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError, Cancelled

#include <CLI/CLI.hpp>        // CLI::App
#include <cstdlib>            // std::getenv
#include <filesystem>         // std::filesystem::path
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/file.h"            // write_file
#include "bench/machine_facts.h"  // build_facts, physical_cores
#include "cli/commands.h"
#include "cli/console.h"            // log_info, write_output
#include "cli/interrupt.h"          // StopOnInterrupt
#include "cli/options.h"            // OutputFlags, check_range
#include "cli/progress_bar.h"       // ProgressBar
#include "compute/isa.h"            // active_isa
#include "compute/machine.h"        // cpu_name
#include "eval/compare/compare.h"   // compare
#include "eval/compare/problems.h"  // SuiteError
#include "eval/report/page.h"       // results_page
#include "eval/report/summary.h"    // summarise, summary_csv

namespace kvcompress {
namespace {

constexpr const char* kProtocol =
    "A suite names models, tasks, recipes and budgets; suites/ has some. Every cell of that grid is a line "
    "of "
    "DIR/results.jsonl; `full` is always one. A context is read once for up to 32 recipes and budgets; what "
    "they "
    "gave is on the disk before the next ones begin, so a run that is killed loses at most that much, and "
    "--resume goes on from there. At the end DIR has summary.csv and report.html too. Budgets are of equal "
    "bytes "
    "unless the suite says `axis: nominal`: every recipe gets the bytes of a uniform cache with that budget.";

struct CompareFlags {
  std::string suite, folder, data = ".", models, precision = "fast";
  EngineOptions engine;
  bool resume = false;
  OutputFlags output;
};

std::string default_models_folder() {
  if (const char* given = std::getenv("KVCOMPRESS_MODELS")) return given;
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "") + "/.cache/kvcompress/models";
}

Json provenance(const EngineOptions& options) {
  const BuildFacts build = build_facts();
  return {{"build", {{"version", build.version}, {"commit", build.commit}, {"ggml", build.ggml}}},
          {"machine",
           {{"cpu", cpu_name()},
            {"threads", options.threads},
            {"instruction_set", std::string(name(active_isa()))}}}};
}

EngineOptions engine_options(const CompareFlags& flags) {
  check_range("--threads", flags.engine.threads, 1, 4096);
  check_range("--batch-size", flags.engine.chunk, 1, 65536);
  if (flags.precision != "fast" && flags.precision != "exact") {
    throw UsageError(fmt::format("[--precision] expected fast or exact, got '{}'", flags.precision));
  }
  EngineOptions options = flags.engine;
  options.precision = flags.precision == "exact" ? Precision::exact : Precision::fast;
  return options;
}

void write_reports(const ResultsFolder& folder, const std::string& title) {
  const std::vector<SummaryRow> rows = summarise(read_results(folder.file("results.jsonl")));
  write_file(folder.file("summary.csv"), summary_csv(rows));
  write_file(folder.file("report.html"), results_page(rows, title));
}

int compare_suite(const CompareFlags& flags) {
  flags.output.apply();
  if (flags.suite.empty()) throw UsageError("[compare] expected a suite file, got none; give SUITE.yaml");
  const EngineOptions options = engine_options(flags);
  const Suite suite = read_suite(flags.suite, {flags.data, flags.models});
  const std::string path = flags.folder.empty() ? "results/" + suite.name : flags.folder;
  ResultsFolder folder(path, flags.resume);
  ProgressBar bar("comparing", "tokens", flags.output.shows_progress());
  CompareHooks hooks;
  hooks.on_progress = [&](int64_t done, int64_t total) { bar.update(done, total); };
  hooks.on_message = [&](const std::string& text) {
    if (flags.output.quiet) return;
    bar.clear();
    log_info(text);
  };
  hooks.on_engine = [](Engine& engine) { return std::make_shared<StopOnInterrupt>(engine.stop_flag()); };
  const CompareOutcome outcome = compare(suite, options, folder, provenance(options), hooks);
  bar.clear();
  write_reports(folder, suite.name + ": " + suite.summary);
  write_output(fmt::format("{} cells, {} of them finished before\n{}\n{}\n{}\n", outcome.cells,
                           outcome.finished_before, folder.file("results.jsonl"), folder.file("summary.csv"),
                           folder.file("report.html")));
  return 0;
}

}  // namespace

CommandBody declare_compare(CLI::App& app) {
  const auto flags = std::make_shared<CompareFlags>();
  flags->engine.threads = physical_cores();
  flags->models = default_models_folder();
  app.footer(kProtocol);
  app.add_option("suite", flags->suite, "what to compare")->type_name("SUITE.yaml");
  app.add_option("-o,--output", flags->folder, "folder of the results (default: results/NAME)")
      ->type_name("DIR");
  app.add_flag("--resume", flags->resume, "go on with what the folder has");
  app.add_option("--data", flags->data, "where the suite's data paths start")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("--models", flags->models, "where models given by name are")
      ->type_name("DIR")
      ->capture_default_str();
  app.add_option("-t,--threads", flags->engine.threads, "threads that compute (default: physical cores)")
      ->type_name("N");
  app.add_option("-b,--batch-size", flags->engine.chunk, "prompt tokens read at once")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--precision", flags->precision,
                 "fast, or exact: float32 activations, slower, for reference")
      ->type_name("fast|exact")
      ->capture_default_str();
  flags->output.declare(app, /*writes_file=*/false, /*gated=*/false, /*progress=*/true);
  return [flags] {
    try {
      return compare_suite(*flags);
    } catch (const SuiteError& error) {
      for (const std::string& line : error.lines()) log_error(line);
      return error.exit_code();
    } catch (const Cancelled&) {
      throw Cancelled(
          "[compare] expected to finish, got a signal to stop; what is finished is on the disk, --resume "
          "goes on");
    }
  };
}

}  // namespace kvcompress
