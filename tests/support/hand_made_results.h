// A small results file with known figures, written by hand.
#pragma once

#include <fstream>            // std::ofstream
#include <nlohmann/json.hpp>  // nlohmann::ordered_json
#include <string>             // std::string
#include <vector>             // std::vector

namespace kvcompress::test {

using ResultRow = nlohmann::ordered_json;

// scores: of ten questions.
inline ResultRow hand_made_row(const std::string& method, const std::string& budget, int bytes, double high,
                               const std::vector<double>& scores) {
  ResultRow row;
  row["cell"] = "m / needles / " + method + " / " + budget;
  row["suite"] = "by hand";
  row["model"] = "m";
  row["task"] = "needle";
  row["label"] = "needles";
  row["settings"] = {{"length", 1000}};
  row["method"] = row["recipe"] = method;
  row["budget"] = budget;
  row["samples"] = scores.size();
  row["cache"] = {
      {"bytes", bytes}, {"bytes_prompt", bytes}, {"bytes_full", 1000000}, {"bytes_peak", 1000000}};
  row["time"] = {{"ttft_ms", 900.0}, {"compress_ms", 12.5}, {"tokens_per_second", 40.0 + 1e6 / bytes}};
  for (size_t i = 0; i < scores.size(); i++) {
    row["per_question"]["id"].push_back("needle#" + std::to_string(i));
    row["per_question"]["score"].push_back(scores[i]);
    row["per_question"]["log_probability"].push_back(scores[i] / 50 - 2.5);
  }
  row["kept"] = {{"heads", {{high, 0.1}, {0.2, high}, {high, high}}}, {"positions", {1.0, high, 0.1, high}}};
  row["build"] = {{"version", "0"}, {"commit", ""}, {"ggml", ""}};
  row["machine"] = {{"cpu", "a processor"}, {"threads", 2}, {"instruction_set", "scalar"}};
  return row;
}

// full, random and two methods; `good` beats `random` beyond the interval, and `bad` loses to it.
inline std::vector<ResultRow> hand_made_rows() {
  const std::vector<double> all(10, 100), none(10, 0), half = {100, 0, 100, 0, 100, 0, 100, 0, 100, 0};
  std::vector<ResultRow> rows = {hand_made_row("full", "", 1000000, 1, all)};
  for (const auto& [budget, bytes] : {std::pair<std::string, int>{"25%", 250000}, {"12.5%", 125000}}) {
    rows.push_back(hand_made_row("random", budget, bytes, 0.25, half));
    rows.push_back(
        hand_made_row("good", budget, bytes, 0.6, {100, 100, 100, 0, 100, 100, 100, 100, 100, 100}));
    rows.push_back(hand_made_row("bad <&\"", budget, bytes, 0.3, none));
  }
  rows[1]["claimed"] = {{"score", 66.5}};
  return rows;
}

inline void write_rows(const std::vector<ResultRow>& rows, const std::string& path) {
  std::ofstream file(path);
  for (const ResultRow& row : rows) file << row.dump() << "\n";
}

}  // namespace kvcompress::test
