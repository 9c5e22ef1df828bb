// Numbers of one plane to codes, scales and minima.
#pragma once

#include <cstddef>  // std::byte
#include <cstdint>  // uint16_t, uint64_t
#include <vector>   // std::vector

#include "codec/scalar/kernels.h"  // ScalarKernels

namespace kvcompress {

// x: [depths][lanes]. dither: as ScalarKernels::pack. minima is not written where symmetric.
void encode_plane(const ScalarKernels& kernels, const Plane& plane, const float* x, const float* dither,
                  std::byte* codes, uint16_t* scales, uint16_t* minima);

// `count` numbers in (0, 1), multiples of 2^-17: the same for the same seed and stream.
std::vector<float> dither_numbers(uint64_t seed, uint32_t stream, size_t count);

}  // namespace kvcompress
