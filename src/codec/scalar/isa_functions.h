// The functions of one instruction set's table, each defined in a file of its own. For *.isa.cc files.
#pragma once

#include "codec/scalar/kernels.h"  // ScalarKernels, Contraction

namespace kvcompress::KVC_ISA {

void scalar_ranges(const Plane& plane, const float* x, float* least, float* greatest);
void scalar_pack(const Plane& plane, const float* x, const Quantiser& quantiser, const float* dither,
                 std::byte* codes);
void scalar_unpack(const PlaneView& view, float* x);
void scalar_rotate(float* x, int channels, int lanes, const float* signs, bool back);
void scalar_contract(const Contraction& contraction);
void scalar_contract_fast(const Contraction& contraction);
void scalar_round_row(const Plane& plane, const float* row, std::byte* out);

}  // namespace kvcompress::KVC_ISA
