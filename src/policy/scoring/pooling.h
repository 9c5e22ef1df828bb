// Neighbouring tokens lend each other their score: pools along the slots, stride 1, same length.
#pragma once

#include <cstdint>  // int64_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace kvcompress {

// kernel: odd. Neighbours beyond the ends do not count.
std::vector<float> max_pooled(std::span<const float> row, int64_t kernel);

// kernel: odd. count_padding: the divisor is the kernel everywhere and neighbours beyond the ends are 0;
// else it is the number of neighbours there are.
std::vector<float> average_pooled(std::span<const float> row, int64_t kernel, bool count_padding);

}  // namespace kvcompress
