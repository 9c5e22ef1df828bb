#include "policy/scoring/statistics.h"

#include <algorithm>  // std::max, std::all_of, std::lower_bound, std::set_union
#include <cmath>      // std::sqrt
#include <iterator>   // std::back_inserter

#include "policy/scoring/check.h"  // expect_count

namespace kvcompress {

void z_normalise(std::span<const std::span<float>> rows) {
  double sum = 0, count = 0;
  for (const std::span<float> row : rows) {
    for (const float value : row) sum += value;
    count += static_cast<double>(row.size());
  }
  const double mean = count > 0 ? sum / count : 0;
  double squares = 0;
  for (const std::span<float> row : rows) {
    for (const float value : row) squares += (value - mean) * (value - mean);
  }
  constexpr double kLeast = 1e-6;  // constant scores become 0, not noise
  const double deviation = count > 1 ? std::sqrt(squares / (count - 1)) : 0;
  const double scale = 1 / std::max(deviation, kLeast);
  for (const std::span<float> row : rows) {
    for (float& value : row) value = static_cast<float>((value - mean) * scale);
  }
}

void z_normalise_heads(std::span<std::vector<float>> heads, bool together) {
  std::vector<std::span<float>> rows;
  for (std::vector<float>& head : heads) rows.emplace_back(head);
  if (together) {
    z_normalise(rows);
    return;
  }
  for (const std::span<float>& row : rows) z_normalise({&row, 1});
}

int leading_slots(const ScoreInput& input, int64_t sinks) {
  const auto end = std::lower_bound(input.positions.begin(), input.positions.end(), sinks);
  return static_cast<int>(end - input.positions.begin());
}

namespace {

bool hold_the_same(std::span<const ScoreInput> heads) {
  return std::all_of(heads.begin(), heads.end(), [&](const ScoreInput& head) {
    return std::equal(head.positions.begin(), head.positions.end(), heads.front().positions.begin(),
                      heads.front().positions.end());
  });
}

// Ascending, each once.
std::vector<int32_t> all_positions(std::span<const ScoreInput> heads) {
  std::vector<int32_t> all, merged;
  for (const ScoreInput& head : heads) {
    merged.clear();
    std::set_union(all.begin(), all.end(), head.positions.begin(), head.positions.end(),
                   std::back_inserter(merged));
    all.swap(merged);
  }
  return all;
}

// Calls visit(index in `all`, slot) for every slot of `head`.
template <typename Visit>
void for_each_place(const std::vector<int32_t>& all, const ScoreInput& head, Visit visit) {
  size_t place = 0;
  for (size_t slot = 0; slot < head.positions.size(); ++slot) {
    while (all[place] != head.positions[slot]) ++place;
    visit(place, slot);
  }
}

}  // namespace

void sum_over_heads(std::span<const ScoreInput> heads, std::span<std::vector<float>> values) {
  for (size_t h = 0; h < heads.size(); ++h) {
    expect_count("score", "positions", values[h].size(), heads[h].positions.size());
  }
  if (hold_the_same(heads)) {
    std::vector<double> sums(values.front().begin(), values.front().end());
    for (size_t h = 1; h < heads.size(); ++h) {
      for (size_t slot = 0; slot < sums.size(); ++slot) sums[slot] += values[h][slot];
    }
    for (std::vector<float>& row : values) row.assign(sums.begin(), sums.end());
    return;
  }
  const std::vector<int32_t> all = all_positions(heads);
  std::vector<double> sums(all.size());
  for (size_t h = 0; h < heads.size(); ++h) {
    for_each_place(all, heads[h], [&](size_t place, size_t slot) { sums[place] += values[h][slot]; });
  }
  for (size_t h = 0; h < heads.size(); ++h) {
    for_each_place(all, heads[h],
                   [&](size_t place, size_t slot) { values[h][slot] = static_cast<float>(sums[place]); });
  }
}

void score_alone(const ScorePolicy& policy, const ScoreInput& input, std::span<float> out) {
  std::vector<float> scores;
  policy.score_layer({&input, 1}, {&scores, 1});
  std::copy(scores.begin(), scores.end(), out.begin());
}

}  // namespace kvcompress
