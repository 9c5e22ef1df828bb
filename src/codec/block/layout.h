// How a page in block form lies in memory.
//
// Keys and values are planes of codes as codec/scalar/layout.h has them, [depths][lanes] in tiles: the lanes
// of keys are slots, the lanes of values channels. A scale belongs to one slot and a block of channels (the
// last one may be shorter), for both planes:
//
//   f16    [blocks][64 slots] halves
//   e4m3   [blocks][64 slots] bytes, times one float32 for all of the plane. Slot 16 * j + w stands at byte
//   e8m0   4 * w + j of its 64, so that a shift and a mask give 16 slots in a row. e8m0: 2^(byte - 127), and
//          0 stands for 0.
//
// A page: codes of keys, codes of values, scales of keys, scales of values; with e4m3 scales the float32 of
// keys and of values; then zeros up to a multiple of 64 bytes.
#pragma once

#include <cstddef>  // std::byte, size_t

#include "codec/block/element.h"  // Element
#include "codec/page_form.h"      // kPageSlots
#include "codec/scalar/layout.h"  // Plane
#include "policy/store_policy.h"  // BlockSettings

namespace kvcompress {

// codes.run: channels of a block. codes.symmetric has no meaning here.
struct BlockPlane {
  Plane codes;
  const Element* element;
  BlockSettings::Scale scale;
};

// A plane in a page.
struct BlockView {
  const BlockPlane* plane;
  const std::byte* codes;
  const std::byte* scales;
  float page_scale;  // 1 without one
};

struct BlockLayout {
  BlockPlane keys, values;
  // Offsets in a page, in bytes; page_scales is `bytes` where there are none.
  size_t value_codes, key_scales, value_scales, page_scales, bytes;
};

// Static, because kernels use them too: each file keeps its own copy, for its own instruction set.
static constexpr int scale_width(BlockSettings::Scale scale) {
  return scale == BlockSettings::Scale::f16 ? 2 : 1;
}
static constexpr int slot_place(int slot) { return slot % 16 * 4 + slot / 16; }  // scales of one byte

// Throws UsageError for settings that cannot be.
BlockLayout block_layout(const BlockSettings& settings, int head_dim);

BlockView keys_of(const BlockLayout& layout, const std::byte* page);
BlockView values_of(const BlockLayout& layout, const std::byte* page);

// The scale of a stored code: bits of f16, or a byte.
float scale_of(BlockSettings::Scale scale, uint32_t code, float page_scale);
float number_at(const BlockView& view, int lane, int depth);

}  // namespace kvcompress
