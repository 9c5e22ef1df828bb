// What a report says about each row of the results: its figures with intervals, and how they stand against
// the full cache and against random eviction on the same samples.
#pragma once

#include <nlohmann/json.hpp>  // nlohmann::ordered_json
#include <optional>           // std::optional
#include <string>             // std::string
#include <vector>             // std::vector

#include "eval/receipt_json.h"      // Json
#include "eval/report/bootstrap.h"  // Interval

namespace kvcompress {

// A figure that is measured sample by sample.
struct FigureKind {
  const char* key;      // in the results and the tables for programs
  const char* samples;  // in "per_question"
  const char* title;
  bool higher_is_better;
  double scale;   // shown = value * scale
  int decimals;   // shown
  bool exponent;  // the figure is e to the mean of the samples
};
const std::vector<FigureKind>& figure_kinds();

struct Figure {
  const FigureKind* kind = nullptr;
  Interval value;
  std::optional<Interval> to_full, to_random;  // value less the other's
};

struct SummaryRow {
  Json row;  // of the results
  std::vector<Figure> figures;
  std::string text(const char* key) const { return row.at(key); }
  size_t full_bytes = 0;      // kept_bytes() of the full cache's row on the same task
  double ratio() const;       // full_bytes over kept_bytes()
  double bits() const;        // held for each number that the full cache has in 16; 0 when not told
  size_t kept_bytes() const;  // once the context is compressed, or at the end when that is not told
  const Figure* figure(const std::string& key) const;
};

// In the order of the results; of rows of the same model, task, method and budget the last counts.
std::vector<SummaryRow> summarise(const std::vector<Json>& rows);

// +1: better than the other beyond the interval, -1: worse, 0: neither.
int beyond(const FigureKind& kind, const std::optional<Interval>& difference);

std::string summary_csv(const std::vector<SummaryRow>& rows);

}  // namespace kvcompress
