// binary16 to float32 inside kernels, per instruction set. Included by *.isa.cc files only.
#pragma once

#include <cstdint>  // uint16_t

#if defined(__F16C__)
#include "compute/simd/intrinsics_x86.h"  // _cvtsh_ss
#endif

namespace kvcompress::KVC_ISA {
namespace {

inline float half_to_float(uint16_t bits) {
#if defined(__F16C__)
  return _cvtsh_ss(bits);
#else
  __fp16 value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
#endif
}

}  // namespace
}  // namespace kvcompress::KVC_ISA
