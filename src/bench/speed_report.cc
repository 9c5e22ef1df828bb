#include "bench/speed_report.h"

#include <fmt/format.h>  // fmt::format

#include <algorithm>          // std::max
#include <filesystem>         // std::filesystem::path
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

#include "eval/table.h"  // Table

namespace kvcompress {
namespace {

double gigaflops(double flop, double seconds) { return seconds > 0 ? flop / seconds * 1e-9 : 0; }

double attention_gb_per_second(const SpeedResult& result) {
  return gigaflops(result.decode.attention_bytes, result.decode.attention_s);
}

// One part of a phase: where some of its time went.
struct Part {
  const char* name;
  double seconds, flop;
};

std::vector<Part> parts(const Profile& profile, double wall_seconds) {
  const double known = profile.dense_s + profile.attention_s + profile.compress_s + profile.head_s;
  return {{"dense", profile.dense_s, profile.dense_flop},
          {"attention", profile.attention_s, profile.attention_flop},
          {"output head", profile.head_s, profile.head_flop},
          {"compression", profile.compress_s, 0},
          {"rest", std::max(0.0, wall_seconds - known), 0}};
}

// A phase of a result: its profile, the wall time it covers, and how many reads or steps that was.
struct Span {
  const char* name;
  const Profile* profile;
  double wall_seconds;
  int64_t count;
};

std::vector<Span> spans(const SpeedResult& result) {
  std::vector<Span> spans;
  if (result.prefill_reads > 0) {
    spans.push_back({"prefill", &result.prefill, result.prefill_wall_s, result.prefill_reads});
  }
  spans.push_back({"decode", &result.decode, result.decode_wall_s, result.decode_steps});
  return spans;
}

Json profile_json(const SpeedResult& result) {
  Json json;
  for (const Span& span : spans(result)) {
    Json phase;
    for (const Part& part : parts(*span.profile, span.wall_seconds)) {
      std::string key = part.name;
      std::replace(key.begin(), key.end(), ' ', '_');
      phase[key]["ms"] = 1e3 * part.seconds / static_cast<double>(span.count);
      if (part.flop > 0) phase[key]["gflops"] = gigaflops(part.flop, part.seconds);
    }
    json[span.name] = phase;
  }
  return json;
}

Json result_json(const SpeedResult& result) {
  Json json;
  json["recipe"] = result.recipe.name;
  json["depth"] = result.depth;
  json["batch"] = result.batch;
  if (result.depth > 0) {
    json["ttft_ms"] = result.ttft_ms;
    json["prefill_tokens_per_second"] = result.prefill_tokens_per_second;
    json["compress_ms"] = result.compress_ms;
  }
  json["decode_tokens_per_second"] = result.decode_tokens_per_second;
  json["tpot_ms"] = {{"median", result.tpot_median_ms}, {"p95", result.tpot_p95_ms}};
  if (attention_gb_per_second(result) > 0) json["attention_gb_per_second"] = attention_gb_per_second(result);
  json["profile"] = profile_json(result);
  json["cache"] = to_json(result.cache, /*with_kept=*/true);
  return json;
}

std::string figure(double value, int digits) {
  return value > 0 ? fmt::format("{:.{}f}", value, digits) : "";
}

}  // namespace

Json speed_json(const Engine& engine, const MachineFacts& machine, const SpeedSettings& settings,
                const std::vector<SpeedResult>& results) {
  const BuildFacts build = build_facts();
  Json json;
  json["model"] = std::filesystem::path(engine.file().path()).filename().string();
  json["machine"] = {{"cpu", machine.cpu},
                     {"threads", machine.threads},
                     {"instruction_set", machine.instruction_set},
                     {"memory_gb_per_second", machine.memory_gb_per_second},
                     {"peak_bf16_gflops", machine.peak_bf16_gflops},
                     {"peak_f32_gflops", machine.peak_f32_gflops}};
  json["build"] = {{"version", build.version}, {"commit", build.commit}, {"ggml", build.ggml}};
  json["protocol"] = {{"tokens", "pseudo text, a sequence of the batch each its own"},
                      {"seed", settings.seed},
                      {"decode_tokens", settings.decode_tokens},
                      {"repetitions", settings.repetitions},
                      {"prefill", settings.prefill == PrefillMode::bounded ? "bounded" : "exact"},
                      {"precision", engine.options().precision == Precision::exact ? "exact" : "fast"},
                      {"chunk", engine.options().chunk}};
  json["results"] = Json::array();
  for (const SpeedResult& result : results) json["results"].push_back(result_json(result));
  return json;
}

std::string speed_table(const std::vector<SpeedResult>& results) {
  Table table({"recipe", "depth", "batch", "first token ms", "prefill t/s", "decode t/s", "median ms",
               "p95 ms", "attention GB/s", "cache MB", "smaller"});
  for (const SpeedResult& result : results) {
    table.add_row({result.recipe.name, std::to_string(result.depth), std::to_string(result.batch),
                   figure(result.ttft_ms, 1), figure(result.prefill_tokens_per_second, 1),
                   figure(result.decode_tokens_per_second, 1), figure(result.tpot_median_ms, 2),
                   figure(result.tpot_p95_ms, 2), figure(attention_gb_per_second(result), 1),
                   figure(static_cast<double>(result.cache.bytes) * 1e-6, 2),
                   result.cache.bytes > 0 ? fmt::format("{:.1f}x", result.cache.ratio()) : ""});
  }
  return table.text();
}

std::string time_table(const MachineFacts& machine, const std::vector<SpeedResult>& results) {
  std::string text =
      fmt::format("{}, {}, threads: {}; reads {:.1f} GB/s, peak {:.0f} GFLOP/s in BF16, {:.0f} in F32\n",
                  machine.cpu, machine.instruction_set, machine.threads, machine.memory_gb_per_second,
                  machine.peak_bf16_gflops, machine.peak_f32_gflops);
  Table table({"where the time goes", "ms", "share", "GFLOP/s", "of peak"});
  for (const SpeedResult& result : results) {
    for (const Span& span : spans(result)) {
      for (const Part& part : parts(*span.profile, span.wall_seconds)) {
        const double rate = gigaflops(part.flop, part.seconds);
        table.add_row({fmt::format("{} {} x{} {}: {}", result.recipe.name, result.depth, result.batch,
                                   span.name, part.name),
                       fmt::format("{:.3f}", 1e3 * part.seconds / static_cast<double>(span.count)),
                       fmt::format("{:.1f} %", 100 * part.seconds / span.wall_seconds), figure(rate, 1),
                       rate > 0 ? fmt::format("{:.0f} %", 100 * rate / machine.peak_bf16_gflops) : ""});
      }
    }
  }
  return text + table.text();
}

}  // namespace kvcompress
