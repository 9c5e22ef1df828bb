// PyramidKV's schedule: budgets that fall linearly with depth around a given mean.
#pragma once

#include <cstdint>  // int64_t
#include <vector>   // std::vector

namespace kvcompress {

struct PyramidInput {
  int layers = 0;
  double mean = 0;        // slots of a head on average, the window included
  int64_t tokens = 0;     // of the prompt: no layer has a use for more
  int64_t window = 0;     // of them always kept
  double steepness = 20;  // beta: the last layer ranks 1 / beta of the mean
};

// Slots of a head of each layer, the window included, unrounded; > 0. As arXiv:2406.02069 has it: the mean
// less the window falls from 2 b - b / beta to b / beta; every layer is the same while the prompt is shorter
// than twice that.
std::vector<double> pyramid_slots(const PyramidInput& input);

// The same as kvpress 0.5.5 counts it: the whole mean falls, the window inside it; a whole number for each
// layer; every layer the same where the last layer's number would be below the window.
std::vector<double> pyramid_slots_of_kvpress(const PyramidInput& input);

}  // namespace kvcompress
