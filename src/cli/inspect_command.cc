// kvcompress inspect: what a model is, and what a recipe will cost on it, before anything runs.
#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <CLI/CLI.hpp>        // CLI::App
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "base/text.h"  // format_bytes, format_count
#include "cli/commands.h"
#include "cli/cost.h"     // cache_cost
#include "cli/options.h"  // ModelFlags, RecipeFlags, OutputFlags
#include "cli/result.h"   // finish

namespace kvcompress {
namespace {

struct InspectFlags {
  ModelFlags model;
  RecipeFlags recipe;
  OutputFlags output;
};

std::vector<int> windowed_layers(const ModelConfig& config) {
  std::vector<int> layers;
  for (int layer = 0; layer < config.layers; layer++) {
    if (config.sliding_window[static_cast<size_t>(layer)] > 0) layers.push_back(layer);
  }
  return layers;
}

int32_t window_of(const ModelConfig& config) {
  return *std::max_element(config.sliding_window.begin(), config.sliding_window.end());
}

// "0-4, 6-10, 12"
std::string ranges(const std::vector<int>& numbers) {
  std::string text;
  for (size_t i = 0; i < numbers.size();) {
    size_t end = i;
    while (end + 1 < numbers.size() && numbers[end + 1] == numbers[end] + 1) end++;
    text += fmt::format("{}{}", text.empty() ? "" : ", ", numbers[i]);
    if (end > i) text += fmt::format("-{}", numbers[end]);
    i = end + 1;
  }
  return text;
}

Json model_json(const ModelConfig& config) {
  Json json;
  json["architecture"] = config.architecture;
  json["parameters"] = config.parameters;
  json["layers"] = config.layers;
  json["hidden"] = config.hidden;
  json["vocabulary"] = config.vocabulary;
  json["query_heads"] = config.query_heads;
  json["kv_heads"] = config.kv_heads;
  json["head_dim"] = config.head_dim;
  json["context_length"] = config.context_length;
  json["sliding_window"] = window_of(config);  // 0: every layer sees the whole past
  if (window_of(config) > 0) json["sliding_window_layers"] = windowed_layers(config);
  json["weight_bytes"] = config.weight_bytes;
  return json;
}

Json cache_json(const CacheCost& cost, const Recipe& recipe) {
  Json json;
  json["bytes_per_token_f16"] = cost.bytes_per_token_f16;
  json["context"] = cost.context;
  json["recipe"] = recipe.name;
  json["bytes_full"] = cost.bytes_full;
  json["bytes_recipe"] = cost.bytes_recipe;
  json["bytes_peak"] = cost.bytes_peak;
  json["ratio"] = static_cast<double>(cost.bytes_full) / static_cast<double>(cost.bytes_recipe);
  return json;
}

std::string model_text(const ModelConfig& config) {
  std::string text = fmt::format(
      "model      {}, {} parameters, {} of weights\n"
      "layers     {}, {} query heads, {} KV heads, head size {}\n"
      "context    {} tokens\n",
      config.architecture, format_count(config.parameters), format_bytes(config.weight_bytes), config.layers,
      config.query_heads, config.kv_heads, config.head_dim, format_count(config.context_length));
  const std::vector<int> layers = windowed_layers(config);
  if (!layers.empty()) {
    text += fmt::format("window     layers {} keep only their last {} tokens\n", ranges(layers),
                        format_count(window_of(config)));
  }
  return text;
}

std::string cost_text(const CacheCost& cost, const Recipe& recipe) {
  return fmt::format(
      "cache      {} a token in f16, {} for {} tokens\n"
      "recipe     {}\n"
      "will hold  {} after a prompt of {} tokens: {:.1f}x smaller; at most {} while it is read\n",
      format_bytes(cost.bytes_per_token_f16), format_bytes(cost.bytes_full), format_count(cost.context),
      describe(recipe), format_bytes(cost.bytes_recipe), format_count(cost.context),
      static_cast<double>(cost.bytes_full) / static_cast<double>(cost.bytes_recipe),
      format_bytes(cost.bytes_peak));
}

int inspect(const InspectFlags& flags) {
  flags.output.apply();
  const EngineOptions options = flags.model.options();
  const Recipe recipe = flags.recipe.one();
  Engine engine(flags.model.path, options);
  const CacheCost cost = cache_cost(engine, recipe, flags.recipe.prefill(), engine.context());
  Json json;
  json["model"] = model_json(engine.config());
  json["cache"] = cache_json(cost, recipe);
  const std::vector<Gate> gates = flags.output.gates(number_fields(json));
  std::string text = model_text(engine.config()) + cost_text(cost, recipe);
  if (flags.output.verbose) text += "engine     " + engine.describe() + "\n";
  return finish(flags.output, json, text, gates, {json});
}

}  // namespace

CommandBody declare_inspect(CLI::App& app) {
  const auto flags = std::make_shared<InspectFlags>();
  flags->model.declare(app);
  flags->recipe.declare(app, /*several=*/false);
  flags->output.declare(app, /*writes_file=*/true, /*gated=*/true, /*progress=*/false);
  return [flags] { return inspect(*flags); };
}

}  // namespace kvcompress
