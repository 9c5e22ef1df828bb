#include "policy/scoring/best.h"

#include <fmt/format.h>
#include <kvcompress/error.h>  // Error

#include <algorithm>  // std::nth_element, std::min
#include <cmath>      // std::isnan
#include <numeric>    // std::accumulate

#include "policy/scoring/check.h"  // expect_count

namespace kvcompress {

void expect_selection(const char* method, const HeadSelection& head) {
  const auto slots = static_cast<size_t>(head.input.slots);
  expect_count(method, "scores", slots, head.scores.size());
  expect_count(method, "flags of forced slots", slots, head.forced.size());
  for (size_t slot = 0; slot < slots; ++slot) {
    if (std::isnan(head.scores[slot])) {
      throw Error(fmt::format(
          "[{}] expected a number as score of slot {}, got NaN; the model or its weights are damaged", method,
          slot));
    }
  }
}

int64_t forced_slots(const HeadSelection& head, int64_t first, int64_t last) {
  return std::accumulate(head.forced.begin() + first, head.forced.begin() + last, int64_t{0});
}

void force_best(HeadSelection& head, int64_t first, int64_t last, int64_t count) {
  std::vector<int32_t> open;
  for (int64_t slot = first; slot < last; ++slot) {
    if (head.forced[slot] == 0) open.push_back(static_cast<int32_t>(slot));
  }
  count = std::clamp<int64_t>(count, 0, static_cast<int64_t>(open.size()));
  const auto better = [&](int32_t a, int32_t b) {
    return head.scores[a] != head.scores[b] ? head.scores[a] > head.scores[b] : a < b;
  };
  if (count < static_cast<int64_t>(open.size())) {
    std::nth_element(open.begin(), open.begin() + count, open.end(), better);
  }
  for (int64_t i = 0; i < count; ++i) head.forced[open[i]] = 1;
}

}  // namespace kvcompress
