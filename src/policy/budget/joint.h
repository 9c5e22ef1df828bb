// One ranking of the slots of several heads.
#pragma once

#include <cstdint>  // int64_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "policy/selection.h"  // HeadSelection

namespace kvcompress {

// The scores of one head that compete: those of the slots that are not forced.
std::vector<float> competing_scores(const HeadSelection& head);

// Of the `room` best scores of all rows, how many each row has; ties go to the row, then the place, that
// comes first. Throws Error for NaN.
std::vector<int64_t> best_per_row(std::span<const std::vector<float>> rows, int64_t room);

}  // namespace kvcompress
