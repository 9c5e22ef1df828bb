#include "codec/scalar/layout.h"

#include <fmt/format.h>        // fmt::format
#include <kvcompress/error.h>  // UsageError

#include <cmath>   // std::abs, std::signbit
#include <string>  // std::string

#include "codec/f16.h"        // f32_from_f16
#include "codec/page_form.h"  // kPageSlots, padded_head_dim

namespace kvcompress {
namespace {

// The byte of a code and the shift of its lowest field in it.
struct Place {
  size_t byte;
  int shift;
};

Place place_of(const Plane& plane, int lane, int depth) {
  const int tile = lane / kTile * (plane.depths / kTile) + depth / kTile;
  const int field = depth % kTile / 4, field_bits = plane.bits == 3 ? 2 : plane.bits;
  const int fields = 8 / field_bits;  // of a byte
  const int group = field / fields;   // of 16 words
  return {static_cast<size_t>(tile) * tile_bytes(plane.bits) + group * 64 + lane % kTile * 4 + depth % 4,
          field % fields * field_bits};
}

Place high_place_of(const Plane& plane, int lane, int depth) {
  const int tile = lane / kTile * (plane.depths / kTile) + depth / kTile;
  const size_t pair = static_cast<size_t>(tiles(plane)) * tile_bytes(3) + tile / 2 * kHighBytes;
  return {pair + lane % kTile * 4 + depth % 4, depth % kTile / 4 + tile % 2 * 4};
}

int field(const std::byte* codes, Place place, int bits) {
  return (std::to_integer<int>(codes[place.byte]) >> place.shift) & greatest_code(bits);
}

void add_field(std::byte* codes, Place place, int value) {
  codes[place.byte] |= static_cast<std::byte>(value << place.shift);
}

void check_bits(const char* what, int bits) {
  if (bits == 2 || bits == 3 || bits == 4 || bits == 8) return;
  throw UsageError(
      fmt::format("[store] expected 2, 3, 4 or 8 bits for {}, got {}; choose one of these", what, bits));
}

// Channels of a token that share a scale; 0 stands for all of them.
int channel_group(const char* what, int group, int padded) {
  if (group == 0) return padded;
  if (group >= kTile && group % kTile == 0 && group <= padded && padded % group == 0) return group;
  std::string possible;
  for (int size = kTile; size <= padded; size += kTile) {
    if (padded % size == 0) possible += (possible.empty() ? "" : ", ") + std::to_string(size);
  }
  throw UsageError(
      fmt::format("[store] expected groups of {} channels for {} at {} stored channels of a "
                  "head, got {}; choose one of these, or 0 for all channels of a token",
                  possible, what, padded, group));
}

Plane key_plane(const ScalarSettings& settings, int padded) {
  const bool channel = settings.key_axis == ScalarSettings::KeyAxis::channel;
  const int group = settings.key_group;
  if (channel && group != 16 && group != 32 && group != 64) {
    throw UsageError(
        fmt::format("[store] expected groups of 16, 32 or 64 tokens for keys with a scale for "
                    "each channel, got {}; choose one of these",
                    group));
  }
  const int run = channel ? group : channel_group("keys", group, padded);
  return {.bits = settings.key_bits,
          .lanes = kPageSlots,
          .depths = padded,
          .axis = channel ? Axis::depth : Axis::lane,
          .run = run,
          .runs = (channel ? kPageSlots : padded) / run,
          .symmetric = settings.symmetric};
}

PlaneView view(const Plane& plane, const std::byte* page, size_t codes, size_t scales, size_t minima) {
  return {&plane, page + codes, reinterpret_cast<const uint16_t*>(page + scales),
          plane.symmetric ? nullptr : reinterpret_cast<const uint16_t*>(page + minima)};
}

}  // namespace

int code_at(const Plane& plane, const std::byte* codes, int lane, int depth) {
  const Place place = place_of(plane, lane, depth);
  if (plane.bits != 3) return field(codes, place, plane.bits);
  return field(codes, place, 2) | field(codes, high_place_of(plane, lane, depth), 1) << 2;
}

void set_code(const Plane& plane, std::byte* codes, int lane, int depth, int code) {
  const Place place = place_of(plane, lane, depth);
  if (plane.bits != 3) return add_field(codes, place, code);
  add_field(codes, place, code & 3);
  add_field(codes, high_place_of(plane, lane, depth), code >> 2);
}

int scale_index(const Plane& plane, int lane, int depth) {
  return plane.axis == Axis::depth ? lane / plane.run * plane.depths + depth
                                   : depth / plane.run * plane.lanes + lane;
}

float number_at(const PlaneView& view, int lane, int depth) {
  const Plane& plane = *view.plane;
  const int at = scale_index(plane, lane, depth);
  const float code = static_cast<float>(code_at(plane, view.codes, lane, depth));
  const float scale = f32_from_f16(view.scales[at]);
  if (!plane.symmetric) return f32_from_f16(view.minima[at]) + scale * code;
  const int below = centre_code(plane.bits) - (std::signbit(scale) ? 1 : 0);  // codes of negative numbers
  return std::abs(scale) * (code - static_cast<float>(below));
}

ScalarLayout scalar_layout(const ScalarSettings& settings, int head_dim) {
  if (head_dim < 1) {
    throw UsageError(
        fmt::format("[store] expected a head dimension of 1 or more, got {}; check the model", head_dim));
  }
  check_bits("keys", settings.key_bits);
  check_bits("values", settings.value_bits);
  const int padded = padded_head_dim(head_dim);
  ScalarLayout layout{};
  layout.keys = key_plane(settings, padded);
  const int run = channel_group("values", settings.value_group, padded);
  layout.values = {.bits = settings.value_bits,
                   .lanes = padded,
                   .depths = kPageSlots,
                   .axis = Axis::depth,
                   .run = run,
                   .runs = padded / run,
                   .symmetric = settings.symmetric};
  const size_t key_scale_bytes = scale_count(layout.keys) * sizeof(uint16_t);
  const size_t value_scale_bytes = scale_count(layout.values) * sizeof(uint16_t);
  const int terms = settings.symmetric ? 1 : 2;
  layout.value_codes = code_bytes(layout.keys);
  layout.key_scales = layout.value_codes + code_bytes(layout.values);
  layout.key_minima = layout.key_scales + key_scale_bytes;
  layout.value_scales = layout.key_scales + terms * key_scale_bytes;
  layout.value_minima = layout.value_scales + value_scale_bytes;
  const size_t end = layout.value_scales + terms * value_scale_bytes;
  layout.bytes = (end + kLineBytes - 1) / kLineBytes * kLineBytes;
  return layout;
}

PlaneView keys_of(const ScalarLayout& layout, const std::byte* page) {
  return view(layout.keys, page, layout.key_codes, layout.key_scales, layout.key_minima);
}

PlaneView values_of(const ScalarLayout& layout, const std::byte* page) {
  return view(layout.values, page, layout.value_codes, layout.value_scales, layout.value_minima);
}

}  // namespace kvcompress
