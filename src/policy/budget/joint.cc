#include "policy/budget/joint.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // Error

#include <algorithm>   // std::nth_element, std::clamp, std::min
#include <cmath>       // std::isnan
#include <functional>  // std::greater

namespace kvcompress {
namespace {

std::vector<float> all_scores(std::span<const std::vector<float>> rows) {
  std::vector<float> all;
  for (size_t row = 0; row < rows.size(); ++row) {
    for (const float score : rows[row]) {
      if (std::isnan(score)) {
        throw Error(fmt::format(
            "[selection] expected numbers as scores, got NaN in row {} of {}; the model or its weights are "
            "damaged",
            row, rows.size()));
      }
      all.push_back(score);
    }
  }
  return all;
}

}  // namespace

std::vector<float> competing_scores(const HeadSelection& head) {
  std::vector<float> scores;
  scores.reserve(head.scores.size());
  for (size_t slot = 0; slot < head.scores.size(); ++slot) {
    if (head.forced.empty() || head.forced[slot] == 0) scores.push_back(head.scores[slot]);
  }
  return scores;
}

std::vector<int64_t> best_per_row(std::span<const std::vector<float>> rows, int64_t room) {
  std::vector<int64_t> counts(rows.size());
  std::vector<float> all = all_scores(rows);
  room = std::clamp<int64_t>(room, 0, static_cast<int64_t>(all.size()));
  if (room == 0) return counts;
  std::nth_element(all.begin(), all.begin() + (room - 1), all.end(), std::greater<>());
  const float lowest = all[room - 1];
  // Scores above the lowest that counts are all in; of those equal to it, as many as there is room for.
  int64_t left = room;
  for (size_t row = 0; row < rows.size(); ++row) {
    for (const float score : rows[row]) counts[row] += score > lowest ? 1 : 0;
    left -= counts[row];
  }
  for (size_t row = 0; row < rows.size() && left > 0; ++row) {
    const auto equal = static_cast<int64_t>(std::count(rows[row].begin(), rows[row].end(), lowest));
    counts[row] += std::min(equal, left);
    left -= std::min(equal, left);
  }
  return counts;
}

}  // namespace kvcompress
