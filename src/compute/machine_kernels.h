// The inner loops of the measurements in machine.h.
#pragma once

#include <cstddef>  // size_t
#include <cstdint>  // int64_t

namespace kvcompress {

struct MachineKernels {
  // Sums `count` floats (a multiple of 1024): reads them as fast as it can. The sum keeps the loop from being
  // dropped.
  float (*read)(const float* data, size_t count);
  // Do `steps` steps on independent chains and return their sum; *_operations of them are done in a step.
  float (*multiply_bf16)(int64_t steps);
  float (*multiply_f32)(int64_t steps);
  int64_t bf16_operations;
  int64_t f32_operations;
};

}  // namespace kvcompress
