#include "policy/recipe/idle_fields.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // UsageError

#include <array>  // std::array

namespace kvcompress {
namespace {

constexpr std::string_view kRank = "ranks tokens the same at every temperature; remove it";
constexpr std::string_view kGate = "is a target, not a setting; check it after the run, with --require ";

struct IdleField {
  std::string_view name, reason, example;
};

// Fields of the hybrid configurations (github.com/akchaud5/KV-cache-paper).
constexpr std::array<IdleField, 8> kFields = {{
    {"clustering_k", "is read by nothing there; for whole stretches of text take score.select chunks", ""},
    {"attention_temperature", kRank, ""},
    {"temperature", kRank, ""},
    {"priority", "is read by nothing there; what layers get follows the shares of budget.layers knots", ""},
    {"calibration_steps", "is read by nothing there; scales are those of the tokens themselves; remove it",
     ""},
    {"target_compression_ratio", kGate, "'cache.ratio>=8'"},
    {"min_throughput_gain", kGate, "a bound on the field of decode speed"},
    {"max_accuracy_drop", kGate, "a bound on the score of eval"},
}};

}  // namespace

void refuse_idle_field(std::string_view origin, std::string_view key) {
  const size_t dot = key.rfind('.');
  const std::string_view name = dot == std::string_view::npos ? key : key.substr(dot + 1);
  for (const IdleField& field : kFields) {
    if (field.name != name) continue;
    throw UsageError(fmt::format("[{}] {}: expected a setting that changes the cache, got one that {}{}",
                                 origin, key, field.reason, field.example));
  }
}

}  // namespace kvcompress
