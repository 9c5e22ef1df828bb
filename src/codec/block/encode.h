// Numbers of one plane to codes and scales.
#pragma once

#include <cstddef>  // std::byte

#include "codec/block/layout.h"  // BlockPlane

namespace kvcompress {

// rows: [kPageSlots][padded_head_dim], the channels beyond head_dim zero. page_scale is written with e4m3
// scales only. No number is saturated by more than half of its kind's last step.
void encode_blocks(const BlockPlane& plane, const float* rows, int head_dim, std::byte* codes,
                   std::byte* scales, std::byte* page_scale);

}  // namespace kvcompress
