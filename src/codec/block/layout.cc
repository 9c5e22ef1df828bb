#include "codec/block/layout.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <algorithm>  // std::min
#include <bit>        // std::bit_cast
#include <cstring>    // std::memcpy

#include "codec/f16.h"  // f32_from_f16

namespace kvcompress {
namespace {

BlockPlane make_plane(BlockSettings::Element kind, const BlockSettings& settings, int padded, bool keys) {
  const Element& element = element_of(kind);
  const int block = settings.block == 0 ? padded : std::min(settings.block, padded);
  const Plane codes{.bits = element.bits,
                    .lanes = keys ? kPageSlots : padded,
                    .depths = keys ? padded : kPageSlots,
                    .axis = keys ? Axis::lane : Axis::depth,
                    .run = block,
                    .runs = (padded + block - 1) / block,
                    .symmetric = true};
  return {codes, &element, settings.scale};
}

size_t scales_bytes(const BlockPlane& plane) {
  return static_cast<size_t>(plane.codes.runs) * kPageSlots * scale_width(plane.scale);
}

BlockView view(const BlockPlane& plane, const std::byte* page, size_t codes, size_t scales,
               size_t page_scale) {
  BlockView view{&plane, page + codes, page + scales, 1};
  if (plane.scale == BlockSettings::Scale::e4m3) {
    std::memcpy(&view.page_scale, page + page_scale, sizeof(float));
  }
  return view;
}

}  // namespace

BlockLayout block_layout(const BlockSettings& settings, int head_dim) {
  if (head_dim < 1) {
    throw UsageError(
        fmt::format("[store] expected a head dimension of 1 or more, got {}; check the model", head_dim));
  }
  if (settings.block < 0 || settings.block % kTile != 0) {
    throw UsageError(
        fmt::format("[store] expected blocks of 16, 32, 48, ... channels, got {}; choose one of "
                    "these, or 0 for all channels of a token",
                    settings.block));
  }
  const int padded = padded_head_dim(head_dim);
  BlockLayout layout{};
  layout.keys = make_plane(settings.keys, settings, padded, true);
  layout.values = make_plane(settings.values, settings, padded, false);
  layout.value_codes = code_bytes(layout.keys.codes);
  layout.key_scales = layout.value_codes + code_bytes(layout.values.codes);
  layout.value_scales = layout.key_scales + scales_bytes(layout.keys);
  layout.page_scales = layout.value_scales + scales_bytes(layout.values);
  const bool page_scales = settings.scale == BlockSettings::Scale::e4m3;
  const size_t end = layout.page_scales + (page_scales ? 2 * sizeof(float) : 0);
  layout.bytes = (end + kLineBytes - 1) / kLineBytes * kLineBytes;
  return layout;
}

BlockView keys_of(const BlockLayout& layout, const std::byte* page) {
  return view(layout.keys, page, 0, layout.key_scales, layout.page_scales);
}

BlockView values_of(const BlockLayout& layout, const std::byte* page) {
  return view(layout.values, page, layout.value_codes, layout.value_scales,
              layout.page_scales + sizeof(float));
}

float scale_of(BlockSettings::Scale scale, uint32_t code, float page_scale) {
  switch (scale) {
    case BlockSettings::Scale::f16:
      return f32_from_f16(static_cast<uint16_t>(code));
    case BlockSettings::Scale::e4m3:
      return element_of(BlockSettings::Element::e4m3).steps[code] * page_scale;
    default:
      return std::bit_cast<float>(code << 23);
  }
}

float number_at(const BlockView& view, int lane, int depth) {
  const BlockPlane& plane = *view.plane;
  const bool keys = plane.codes.axis == Axis::lane;
  const int slot = keys ? lane : depth, run = (keys ? depth : lane) / plane.codes.run;
  const std::byte* line = view.scales + static_cast<int64_t>(run) * kPageSlots * scale_width(plane.scale);
  uint16_t scale = 0;
  if (plane.scale == BlockSettings::Scale::f16) {
    std::memcpy(&scale, line + slot * sizeof(scale), sizeof(scale));
  } else {
    scale = std::to_integer<uint8_t>(line[slot_place(slot)]);
  }
  const int code = code_at(plane.codes, view.codes, lane, depth);
  return scale_of(plane.scale, scale, view.page_scale) * plane.element->unit * plane.element->steps[code];
}

}  // namespace kvcompress
