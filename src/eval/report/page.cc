#include "eval/report/page.h"

#include <fmt/format.h>  // fmt::format

#include <cmath>              // std::isfinite
#include <nlohmann/json.hpp>  // nlohmann::ordered_json

namespace kvcompress {
namespace {

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Interval& interval) {
  return {number(interval.mean), number(interval.low), number(interval.high)};
}

Json kinds_json() {
  Json kinds = Json::array();
  for (const FigureKind& kind : figure_kinds()) {
    kinds.push_back({{"key", kind.key},
                     {"title", kind.title},
                     {"higher", kind.higher_is_better},
                     {"scale", kind.scale},
                     {"decimals", kind.decimals}});
  }
  return kinds;
}

Json row_json(const SummaryRow& summary) {
  const Json& row = summary.row;
  Json json;
  for (const char* key : {"model", "task", "label", "method", "recipe", "budget", "samples", "settings",
                          "protocol", "claimed", "kept", "overrides"}) {
    if (row.contains(key)) json[key] = row.at(key);
  }
  json["bytes"] = summary.kept_bytes();
  json["bytes_full"] = summary.full_bytes;
  json["bytes_peak"] = row.at("cache").value("bytes_peak", size_t{0});
  json["ratio"] = summary.ratio();
  json["bits"] = summary.bits();
  json["time"] = row.value("time", Json::object());
  json["figures"] = Json::object();
  for (const Figure& figure : summary.figures) {
    Json& entry = json["figures"][figure.kind->key];
    entry["value"] = to_json(figure.value);
    if (figure.to_full) entry["to_full"] = to_json(*figure.to_full);
    if (figure.to_random) entry["to_random"] = to_json(*figure.to_random);
  }
  return json;
}

// JSON inside a script element: no end tag and no comment can begin in it.
std::string inside_script(const Json& json) {
  std::string safe;
  for (const char c : dump(json, -1)) {
    if (c == '<') {
      safe += "\\u003c";
    } else {
      safe += c;
    }
  }
  return safe;
}

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    safe += c == '<'   ? "&lt;"
            : c == '>' ? "&gt;"
            : c == '&' ? "&amp;"
            : c == '"' ? "&quot;"
                       : std::string(1, c);
  }
  return safe;
}

}  // namespace

Json page_data(const std::vector<SummaryRow>& rows, const std::string& title) {
  Json data;
  data["title"] = title;
  data["kinds"] = kinds_json();
  data["rows"] = Json::array();
  for (const SummaryRow& row : rows) data["rows"].push_back(row_json(row));
  if (!rows.empty()) {
    for (const char* key : {"build", "machine", "suite", "finished"}) {
      if (rows.back().row.contains(key)) data[key] = rows.back().row.at(key);
    }
  }
  return data;
}

std::string results_page(const std::vector<SummaryRow>& rows, const std::string& title) {
  const PageParts& parts = page_parts();
  std::string page =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // The page may load nothing from anywhere.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src "
      "'unsafe-inline'; "
      "style-src 'unsafe-inline'; img-src data: blob:\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n";
  page += fmt::format("<title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main id=\"page\"></main>\n",
                      escaped(title), parts.style);
  page += fmt::format("<!-- {}:\n{}-->\n<script>\n", parts.library_name, parts.library_licence);
  page.append(parts.library);
  page += "\n</script>\n<script id=\"data\" type=\"application/json\">" +
          inside_script(page_data(rows, title)) + "</script>\n<script>\n";
  page.append(parts.script);
  page += "\n</script>\n</body>\n</html>\n";
  return page;
}

}  // namespace kvcompress
