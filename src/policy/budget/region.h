// Sinks and recent slots of a head whose answer sets them by the head's size.
#pragma once

#include <algorithm>  // std::max, std::min

#include "policy/budget/shares.h"  // HeadLimit

namespace kvcompress {

// The recipe's own sinks and recent slots are a floor; what the answer wants on top fits in the slots, the
// recent ones first.
inline HeadLimit widened_region(HeadLimit limit, int64_t sinks, int64_t recent) {
  limit.slots = std::max(limit.slots, limit.sinks + limit.recent);
  limit.recent = std::max(limit.recent, std::min(recent, limit.slots - limit.sinks));
  limit.sinks = std::max(limit.sinks, std::min(sinks, limit.slots - limit.recent));
  return limit;
}

}  // namespace kvcompress
