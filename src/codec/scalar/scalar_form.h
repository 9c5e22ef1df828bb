// The scalar form: integers of 2, 3, 4 or 8 bits with a scale, and a minimum where asymmetric, for each group
// of numbers. Attention multiplies the codes themselves: scales go into queries and weights, or into the
// logits.
//
// rotated: keys and queries, values and outputs are taken through the same orthonormal transform, a fixed
// random pattern of signs and a fast Walsh-Hadamard transform, which spreads a channel that is far larger
// than the others over all of them. Head dimensions that are no power of two are cut into the powers of two
// they are the sum of, the largest first (80 = 64 + 16, 96 = 64 + 32), and each is transformed alone: an
// outlier is spread over its own part only, and a last part of 1 or 2 channels over next to nothing.
//
// Numbers must be finite; the ends of a group are clamped to +-65504. A number of an asymmetric group comes
// back within half a scale: its f16 minimum and scale are rounded so that they cover the group. In a
// symmetric group the side of the greatest magnitude gets the code that there is one more of, and comes back
// within half a scale; numbers at the other end come back within one scale.
#pragma once

#include <cstddef>  // size_t
#include <memory>   // std::unique_ptr

#include "codec/packed_form.h"    // PackedForm
#include "compute/isa.h"          // Isa, active_isa
#include "policy/store_policy.h"  // ScalarSettings

namespace kvcompress {

// Groups of values, and of keys with KeyAxis::token: a multiple of 16 channels that divides padded_head_dim,
// or 0 for all channels. Throws UsageError for settings that do not fit.
std::unique_ptr<PackedForm> make_scalar_form(const ScalarSettings& settings, int head_dim,
                                             Isa isa = active_isa());

// Bytes of a page, with d = padded_head_dim(head_dim), and groups of 0 counted as d:
//
//   8 * d * (key_bits + value_bits) + 2 * terms * (64 * d / key_group + 64 * d / value_group)
//
// rounded up to a multiple of 64; terms is 1 where symmetric (scale), else 2 (scale and minimum).
size_t scalar_payload_bytes(const ScalarSettings& settings, int head_dim);

}  // namespace kvcompress
