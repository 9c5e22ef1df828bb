#include "codec/block/encode.h"

#include <algorithm>  // std::max, std::min, std::fill_n
#include <bit>        // std::bit_cast
#include <cmath>      // std::abs, std::sqrt
#include <cstring>    // std::memcpy
#include <limits>     // std::numeric_limits
#include <vector>     // std::vector

#include "codec/f16.h"  // f16_from_f32, kF16Max

namespace kvcompress {
namespace {

using Scale = BlockSettings::Scale;

// So small that nothing of a page is seen at it, and its inverse is finite.
constexpr float kLeastPageScale = 0x1p-100f;

float greatest_magnitude(const float* x, int count) {
  float greatest = 0;
  for (int i = 0; i < count; ++i) greatest = std::max(greatest, std::abs(x[i]));
  return greatest;
}

// The code of a scale of 0 or more, near it.
uint32_t near_scale(Scale scale, float wanted, float page_scale) {
  if (wanted == 0) return 0;
  switch (scale) {
    case Scale::f16:
      return f16_from_f32(std::min(wanted, kF16Max));
    case Scale::e4m3:
      return code_of(element_of(BlockSettings::Element::e4m3), wanted / page_scale);
    default:
      return std::bit_cast<uint32_t>(wanted) >> 23;  // not above it
  }
}

struct Block {
  const float* x;
  int count;
  uint8_t* codes;
};

void write_codes(const Element& element, const Block& block, float inverse) {
  codes_of(element, block.x, block.count, inverse, block.codes);
}

// Each encoder writes codes and returns the scale's code.

// As ggml: codes are of the scale before it is rounded to f16; int4 gives the first greatest magnitude the
// code -8, with a scale of either sign.
uint32_t encode_integers(const Element& element, const Block& block) {
  float extreme = 0;
  for (int i = 0; i < block.count; ++i) {
    if (std::abs(block.x[i]) > std::abs(extreme)) extreme = block.x[i];
  }
  const float scale = element.bits == 8 ? std::abs(extreme) / 127 : extreme / -8;
  // A scale too small to have an inverse is 0 in f16, whatever the codes are.
  const bool invertible = std::abs(scale) >= std::numeric_limits<float>::min();
  write_codes(element, block, invertible ? 1 / scale : 0);
  return f16_from_f32(scale);
}

uint32_t encode_floats(const BlockPlane& plane, const Block& block, float page_scale) {
  const Element& element = *plane.element;
  const float greatest = greatest_magnitude(block.x, block.count);
  uint32_t code = near_scale(plane.scale, greatest / element.greatest, page_scale);
  while (scale_of(plane.scale, code, page_scale) * element.limit < greatest) ++code;
  const float scale = scale_of(plane.scale, code, page_scale);
  write_codes(element, block, scale != 0 ? 1 / scale : 0);
  return code;
}

// The scale makes the norm of what is stored that of the block.
uint32_t encode_levels(const Element& element, const Block& block) {
  double squares = 0, stored = 0;
  for (int i = 0; i < block.count; ++i) squares += double{block.x[i]} * block.x[i];
  const double norm = std::sqrt(squares);
  write_codes(element, block, norm > 1e-30 ? static_cast<float>(std::sqrt(block.count) / norm) : 0);
  for (int i = 0; i < block.count; ++i) {
    const double level = double{element.unit} * element.steps[block.codes[i]];
    stored += level * level;
  }
  return f16_from_f32(std::min(static_cast<float>(norm / std::sqrt(stored)), kF16Max));
}

uint32_t encode_block(const BlockPlane& plane, const Block& block, float page_scale) {
  switch (plane.element->family) {
    case Element::Family::integer:
      return encode_integers(*plane.element, block);
    case Element::Family::floating:
      return encode_floats(plane, block, page_scale);
    default:
      return encode_levels(*plane.element, block);
  }
}

// Depths 4 * f .. 4 * f + 3 of a tile's lanes, a byte of each word, into where layout.h has them.
void put_quads(int bits, int f, const uint32_t (&quads)[kTile], uint32_t* low, uint32_t* high,
               int high_shift) {
  uint32_t* words = low + (bits == 8 ? f : bits == 4 ? f / 2 : 0) * kTile;
  const int shift = bits == 8 ? 0 : bits == 4 ? f % 2 * 4 : 2 * f;
  const uint32_t mask = bits == 3 ? 0x03030303u : ~0u;
  for (int i = 0; i < kTile; ++i) words[i] |= (quads[i] & mask) << shift;
  for (int i = 0; i < kTile && bits == 3; ++i) high[i] |= (quads[i] >> 2 & 0x01010101u) << (f + high_shift);
}

// bytes: [kPageSlots][padded head] codes; the lanes of keys are its rows, those of values its columns.
void pack_codes(const Plane& plane, const uint8_t* bytes, std::byte* codes) {
  std::fill_n(codes, code_bytes(plane), std::byte{0});
  auto* words = reinterpret_cast<uint32_t*>(codes);
  const bool keys = plane.axis == Axis::lane;
  const int tile_words = tile_bytes(plane.bits) / 4, depth_tiles = plane.depths / kTile;
  const int width = keys ? plane.depths : plane.lanes;
  for (int tile = 0; tile < tiles(plane); ++tile) {
    const int lane = tile / depth_tiles * kTile, depth = tile % depth_tiles * kTile;
    const uint8_t* corner = bytes + (keys ? lane * width + depth : depth * width + lane);
    uint32_t* high = words + tiles(plane) * tile_words + tile / 2 * kHighBytes / 4;
    for (int f = 0; f < 4; ++f) {
      uint32_t quads[kTile];
      for (int i = 0; i < kTile; ++i) {
        const uint8_t* at = keys ? corner + i * width + 4 * f : corner + 4 * f * width + i;
        const int step = keys ? 1 : width;
        quads[i] =
            at[0] | uint32_t{at[step]} << 8 | uint32_t{at[2 * step]} << 16 | uint32_t{at[3 * step]} << 24;
      }
      put_quads(plane.bits, f, quads, words + tile * tile_words, high, tile % 2 * 4);
    }
  }
}

void store_scale(Scale scale, std::byte* scales, int run, int slot, uint32_t code) {
  if (scale == Scale::f16) {
    const uint16_t half = static_cast<uint16_t>(code);
    std::memcpy(scales + (run * kPageSlots + slot) * sizeof(half), &half, sizeof(half));
  } else {
    scales[run * kPageSlots + slot_place(slot)] = static_cast<std::byte>(code);
  }
}

}  // namespace

void encode_blocks(const BlockPlane& plane, const float* rows, int head_dim, std::byte* codes,
                   std::byte* scales, std::byte* page_scale) {
  const bool keys = plane.codes.axis == Axis::lane;
  const int padded = keys ? plane.codes.depths : plane.codes.lanes, run = plane.codes.run;
  float common = 1;
  if (plane.scale == Scale::e4m3) {
    const float greatest = greatest_magnitude(rows, kPageSlots * padded);
    common = std::max(greatest / plane.element->greatest / element_of(BlockSettings::Element::e4m3).greatest,
                      kLeastPageScale);
    std::memcpy(page_scale, &common, sizeof(common));
  }
  static thread_local std::vector<uint8_t> bytes;  // [kPageSlots][padded]
  bytes.assign(static_cast<size_t>(kPageSlots) * padded, 0);
  for (int slot = 0; slot < kPageSlots; ++slot) {
    for (int first = 0; first < head_dim; first += run) {
      const int at = slot * padded + first;
      const Block block{rows + at, std::min(run, head_dim - first), bytes.data() + at};
      store_scale(plane.scale, scales, first / run, slot, encode_block(plane, block, common));
    }
  }
  pack_codes(plane.codes, bytes.data(), codes);
}

}  // namespace kvcompress
