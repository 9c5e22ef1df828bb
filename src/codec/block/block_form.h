// The block form: small numbers of some kind (codec/block/element.h) with a scale for each block of a token's
// channels. One form with a table of steps stands for 8-bit and 4-bit floats, ggml's q8_0 and q4_0, and
// codebooks for rotated numbers (PolarQuant, TurboQuant). Attention multiplies the steps themselves: scales
// go into the logits or into the weights.
//
// Numbers must be finite, and as keys and values in f16 no greater than 65504. Within a block of floats no
// number is saturated by more than half of the last step: its scale is chosen for its greatest magnitude, and
// the next one is taken where rounding it makes it too small. A block's error is bounded by its own
// greatest magnitude only; a token far from 0 costs as much as one around it, which is what scalar
// forms with a minimum are better at.
#pragma once

#include <memory>  // std::unique_ptr

#include "codec/packed_form.h"    // PackedForm
#include "compute/isa.h"          // Isa, active_isa
#include "policy/store_policy.h"  // BlockSettings

namespace kvcompress {

// Any head_dim of 1 or more: where the block does not divide it, the last block of a token is shorter, and is
// what a block with zeros beyond it would be. Throws UsageError for blocks that are no multiple of 16.
//
// Bytes of a page, with d = padded_head_dim(head_dim), a block of 0 counted as d, and s bytes of a scale (2,
// or 1 for e4m3 and e8m0):
//
//   8 * d * (key bits + value bits) + 128 * s * ceil(d / block), and 8 more for e4m3 scales,
//
// rounded up to a multiple of 64.
std::unique_ptr<PackedForm> make_block_form(const BlockSettings& settings, int head_dim,
                                            Isa isa = active_isa());

}  // namespace kvcompress
