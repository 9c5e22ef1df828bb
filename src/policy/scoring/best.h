// Keeps the best slots of a range by mask, as the selection itself would: ties go to the lower slot.
#pragma once

#include <cstdint>  // int64_t

#include "policy/selection.h"  // HeadSelection

namespace kvcompress {

int64_t forced_slots(const HeadSelection& head, int64_t first, int64_t last);

// Forces the best `count` of the slots in [first, last) that are not forced yet, or all of them when there
// are fewer; none when `count` is below 1.
void force_best(HeadSelection& head, int64_t first, int64_t last, int64_t count);

// Throws Error unless every slot has a flag and a number as score.
void expect_selection(const char* method, const HeadSelection& head);

}  // namespace kvcompress
