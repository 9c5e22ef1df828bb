#include <fmt/format.h>  // fmt::format

#include <cmath>              // std::isfinite
#include <nlohmann/json.hpp>  // nlohmann::ordered_json
#include <set>                // std::set

#include "eval/report/summary.h"

namespace kvcompress {
namespace {

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

std::string shown(double value) { return std::isfinite(value) ? fmt::format("{:.6g}", value) : ""; }

std::string shown(const std::optional<Interval>& interval) {
  if (!interval) return ",,";
  return shown(interval->mean) + "," + shown(interval->low) + "," + shown(interval->high);
}

std::set<std::string> claimed_names(const std::vector<SummaryRow>& rows) {
  std::set<std::string> names;
  for (const SummaryRow& row : rows) {
    if (!row.row.contains("claimed")) continue;
    for (const auto& entry : row.row.at("claimed").items()) names.insert(entry.key());
  }
  return names;
}

}  // namespace

std::string summary_csv(const std::vector<SummaryRow>& rows) {
  std::string text =
      "suite,model,task,label,method,recipe,budget,samples,cache_bytes,cache_bytes_prompt,"
      "cache_bytes_peak,cache_bytes_full,cache_ratio,cache_bits,compress_ms";
  for (const FigureKind& kind : figure_kinds()) {
    text += fmt::format(",{0},{0}_low,{0}_high,{0}_to_full,{0}_to_full_low,{0}_to_full_high", kind.key);
  }
  const std::set<std::string> claimed = claimed_names(rows);
  for (const std::string& name : claimed) text += ",claimed_" + quoted(name);
  text += '\n';
  for (const SummaryRow& row : rows) {
    const Json& cache = row.row.at("cache");
    for (const char* key : {"suite", "model", "task", "label", "method", "recipe", "budget"}) {
      text += quoted(row.row.value(key, "")) + ",";
    }
    text +=
        fmt::format("{},{},{},{},{},{},{},{}", row.row.value("samples", 0), cache.value("bytes", size_t{0}),
                    cache.value("bytes_prompt", size_t{0}), cache.value("bytes_peak", size_t{0}),
                    cache.value("bytes_full", size_t{0}), shown(row.ratio()), shown(row.bits()),
                    row.row.contains("time") ? shown(row.row.at("time").value("compress_ms", NAN)) : "");
    for (const FigureKind& kind : figure_kinds()) {
      const Figure* figure = row.figure(kind.key);
      text += "," + (figure == nullptr ? ",," : shown(std::optional(figure->value)));
      text += "," + shown(figure == nullptr ? std::nullopt : figure->to_full);
    }
    for (const std::string& name : claimed) {
      const bool has = row.row.contains("claimed") && row.row.at("claimed").contains(name);
      text += "," + (has ? shown(row.row.at("claimed").at(name)) : "");
    }
    text += '\n';
  }
  return text;
}

}  // namespace kvcompress
