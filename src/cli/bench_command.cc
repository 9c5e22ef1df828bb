// kvcompress bench: speed by depth, batch and recipe, beside what the machine can do.
#include <CLI/CLI.hpp>        // CLI::App
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "bench/machine_facts.h"  // machine_facts
#include "bench/speed_report.h"   // speed_json
#include "cli/commands.h"
#include "cli/console.h"       // log_info
#include "cli/interrupt.h"     // StopOnInterrupt
#include "cli/options.h"       // ModelFlags, RecipeFlags, OutputFlags
#include "cli/progress_bar.h"  // ProgressBar
#include "cli/result.h"        // finish

namespace kvcompress {
namespace {

struct BenchFlags {
  ModelFlags model;
  RecipeFlags recipe;
  OutputFlags output;
  std::string depths = "0,4096", batches = "1";
  SpeedSettings settings;
};

const std::vector<std::string> kBenchFields = {"ttft_ms",
                                               "prefill_tokens_per_second",
                                               "compress_ms",
                                               "decode_tokens_per_second",
                                               "tpot_ms.median",
                                               "tpot_ms.p95",
                                               "attention_gb_per_second",
                                               "depth",
                                               "batch",
                                               "cache.bytes",
                                               "cache.bytes_prompt",
                                               "cache.bytes_full",
                                               "cache.bytes_peak",
                                               "cache.ratio",
                                               "cache.tokens_seen"};

int bench(const BenchFlags& flags) {
  flags.output.apply();
  SpeedSettings settings = flags.settings;
  settings.depths = parse_list("--depth", flags.depths, 0);
  settings.batches = parse_list("--batch", flags.batches, 1);
  settings.prefill = flags.recipe.prefill();
  check_range("-n", settings.decode_tokens, 1, 1 << 20);
  check_range("-r", settings.repetitions, 1, 1000);
  const std::vector<Gate> gates = flags.output.gates(kBenchFields);
  const EngineOptions options = flags.model.options();
  std::vector<Recipe> recipes;
  for (const auto& named : flags.recipe.grid()) recipes.push_back(named.recipe);

  Engine engine(flags.model.path, options);
  const MachineFacts machine = machine_facts(options.threads);
  ProgressBar bar("measuring", "parts", flags.output.shows_progress());
  const StopOnInterrupt stopping(engine.stop_flag());
  const std::vector<SpeedResult> results =
      measure_speed(engine, recipes, settings, [&](int64_t done, int64_t total) { bar.update(done, total); });
  bar.clear();
  if (flags.output.verbose) {
    log_info(engine.describe());
    write_message(time_table(machine, results));
  }
  const Json json = speed_json(engine, machine, settings, results);
  return finish(flags.output, json, speed_table(results), gates, json["results"]);
}

}  // namespace

CommandBody declare_bench(CLI::App& app) {
  const auto flags = std::make_shared<BenchFlags>();
  flags->model.declare(app);
  flags->recipe.declare(app, /*several=*/true);
  app.add_option("--depth", flags->depths, "tokens read before decoding; several: 0,4096,..")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--batch", flags->batches, "sequences decoded together; several: 1,8,..")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("-n,--predict", flags->settings.decode_tokens, "tokens decoded at each depth")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("-r,--repetitions", flags->settings.repetitions, "a figure is the median of that many")
      ->type_name("N")
      ->capture_default_str();
  app.add_option("--seed", flags->settings.seed, "of the pseudo text that is read")
      ->type_name("N")
      ->capture_default_str();
  flags->output.declare(app, /*writes_file=*/true, /*gated=*/true, /*progress=*/true);
  return [flags] { return bench(*flags); };
}

}  // namespace kvcompress
