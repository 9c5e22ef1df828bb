#include "base/nearest_name.h"

#include <algorithm>  // std::min
#include <climits>    // INT_MAX
#include <vector>

namespace kvcompress {
namespace {

char folded(char c) {
  if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
  return c == '-' ? '_' : c;
}

template <typename Name>
std::string nearest(std::string_view name, std::span<const Name> known) {
  int least = INT_MAX;
  std::string_view best;
  for (const Name& candidate : known) {
    const int distance = edit_distance(name, candidate);
    if (distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return std::string(best);
}

}  // namespace

int edit_distance(std::string_view a, std::string_view b) {
  // Rows i - 2, i - 1 and i of the optimal string alignment table.
  std::vector<int> before(b.size() + 1), above(b.size() + 1), row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) row[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    before.swap(above);
    above.swap(row);
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = folded(a[i - 1]) == folded(b[j - 1]);
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + (same ? 0 : 1)});
      const bool swapped =
          i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
  }
  return row[b.size()];
}

std::string nearest_name(std::string_view name, std::span<const std::string> known) {
  return nearest(name, known);
}

std::string nearest_name(std::string_view name, std::span<const std::string_view> known) {
  return nearest(name, known);
}

}  // namespace kvcompress
