// Decode over packed pages, for *.isa.cc files.
#pragma once

#include "attention/kernels.h"
#include "compute/precision.h"  // Precision

namespace kvcompress::KVC_ISA {

void packed_decode(const DecodePart& part, const AttentionShape& shape, Precision precision);

}  // namespace kvcompress::KVC_ISA
