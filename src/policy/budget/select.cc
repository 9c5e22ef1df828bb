#include <fmt/format.h>
#include <kvcompress/error.h>  // Error, UsageError

#include <algorithm>   // std::nth_element, std::sort
#include <bit>         // std::bit_cast
#include <cmath>       // std::isnan
#include <functional>  // std::greater

#include "policy/budget.h"

namespace kvcompress {
namespace {

bool is_forced(const SelectionInput& input, int64_t slot) {
  const auto slots = static_cast<int64_t>(input.scores.size());
  return slot < input.sinks || slot >= slots - input.recent ||
         (!input.pinned.empty() && input.pinned[slot] != 0);
}

// One number that orders as (score, lower slot first), so that the selection compares integers.
uint64_t rank_key(float score, uint32_t slot) {
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 becomes +0: they tie
  const uint32_t ordered = (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
  return (static_cast<uint64_t>(ordered) << 32) | (0xffffffffu - slot);
}

void check(const SelectionInput& input) {
  if (input.budget < 1 || input.sinks < 0 || input.recent < 0) {
    throw UsageError(
        fmt::format("[selection] expected a budget >= 1 and sinks and recent >= 0, got {}, {} and {}; "
                    "give such values",
                    input.budget, input.sinks, input.recent));
  }
  if (!input.pinned.empty() && input.pinned.size() != input.scores.size()) {
    throw Error(fmt::format(
        "[selection] expected a pin flag for each of {} slots, got {}; this is a defect of the caller",
        input.scores.size(), input.pinned.size()));
  }
}

}  // namespace

std::vector<int32_t> select_slots(const SelectionInput& input) {
  check(input);
  const auto slots = static_cast<int64_t>(input.scores.size());
  std::vector<int32_t> kept;
  kept.reserve(std::min(slots, input.budget));
  std::vector<uint64_t> ranked;
  ranked.reserve(slots);
  for (int64_t slot = 0; slot < slots; ++slot) {
    if (input.budget >= slots || is_forced(input, slot)) {
      kept.push_back(static_cast<int32_t>(slot));
      continue;
    }
    if (std::isnan(input.scores[slot])) {
      throw Error(fmt::format(
          "[selection] expected a number as score of slot {}, got NaN; the model or its weights are "
          "damaged",
          slot));
    }
    ranked.push_back(rank_key(input.scores[slot], static_cast<uint32_t>(slot)));
  }
  if (input.budget >= slots) return kept;

  const int64_t room = input.budget - static_cast<int64_t>(kept.size());
  if (room < 0) {
    throw UsageError(
        fmt::format("[selection] expected a budget that holds the {} slots that are always kept (sinks {}, "
                    "recent {}, pinned), got {}; raise the budget",
                    kept.size(), input.sinks, input.recent, input.budget));
  }
  std::nth_element(ranked.begin(), ranked.begin() + room, ranked.end(), std::greater<>());
  for (int64_t i = 0; i < room; ++i)
    kept.push_back(static_cast<int32_t>(0xffffffffu - (ranked[i] & 0xffffffffu)));
  std::sort(kept.begin(), kept.end());
  return kept;
}

}  // namespace kvcompress
