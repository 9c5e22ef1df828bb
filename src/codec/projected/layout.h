// How a page of latents lies in memory: latents of keys [key_rank][64 slots], latents of values
// [64 slots][value_rank], each followed by its outliers; every part is padded to 64 bytes.
#pragma once

#include <cstddef>  // size_t

#include "policy/store_policy.h"  // ProjectedSettings

namespace kvcompress {

struct ProjectedLayout {
  int key_rank, value_rank;                            // multiples of 16, at most head_dim
  int outliers;                                        // of keys, and of values, in a page
  size_t key_outliers, values, value_outliers, bytes;  // offsets; latents of keys are at 0
};

// Throws UsageError for ranks that are no multiple of 16 or above head_dim, and says which are possible.
ProjectedLayout projected_layout(const ProjectedSettings& settings, int head_dim);

// Bytes of a page. With r = key_rank + value_rank, b bits and n = round(outliers * 64 * head_dim):
//
//   128 * r                                  for b = 16, else
//   8 * b * r + up(4 * key_rank) + 256       codes, a scale and a minimum for each channel of the keys'
//   latents
//                                            and for each token of the values'
//   + 2 * up(4 * n)                          outliers: place and number in two bytes each
//
// where up() is to a multiple of 64.
size_t projected_payload_bytes(const ProjectedSettings& settings, int head_dim);

// Bytes of one head's maps at most, with d channels of a head (padded to 16): means 4 * d for keys and values
// each; and for each of the two, with rank r: 2 * r where channels are selected, else three f16 matrices
// 2 * d * r: to latents, back, and for queries. The last is not kept where it is the first.
size_t projected_map_bytes(const ProjectedSettings& settings, int head_dim);

}  // namespace kvcompress
