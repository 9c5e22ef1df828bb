// The plain twin of decode over packed pages.
#pragma once

#include "attention/kernels.h"
#include "compute/precision.h"  // Precision

namespace kvcompress::scalar {

void packed_decode(const DecodePart& part, const AttentionShape& shape, Precision precision);

}  // namespace kvcompress::scalar
