// How a page in scalar form lies in memory.
//
// Keys and values are each a plane: a matrix of codes [depths][lanes] that attention multiplies from the
// left. Lanes are what one vector register holds, depths are what a product sums over: the lanes of keys are
// slots and their depths channels, the lanes of values are channels and their depths slots. A plane is cut
// into tiles of 16 lanes by 16 depths, ordered [lane tile][depth tile], 32 * bits bytes each:
//
//   bits 2, 4, 8  32-bit words, one for each lane, in groups of 16. A word has four bytes of 8 / bits fields;
//                 byte j, field f is depth 4 * f + j of the tile (8 bits: the f-th group of words instead;
//                 4 bits: fields 0 and 1 of the first group, then of the second).
//   bits 3        the two low bits as above for all tiles, then the high bits: 64 bytes for tiles 2i and
//                 2i + 1, the bit of depth 4 * f + j at bit f (or 4 + f for tile 2i + 1) of byte j.
//
// So four depths of a lane lie side by side, as dot products of bytes want them, and one shift and one mask
// turn 64 codes into bytes, another shift and mask 16 of them into int32.
//
// A number is  base + scale * code.  Asymmetric: scale and base, the minimum, are kept. Symmetric: the scale
// alone is kept, with a sign that tells which side of 0 gets the code more: base is -scale * 2^(bits - 1)
// where it is positive, and -|scale| * (2^(bits - 1) - 1), scale being |scale|, where it is negative. Both
// are f16, one for each index and run: along the axis that is summed over (Axis::depth: each depth
// has a scale for every run of `run` lanes) or across it (Axis::lane: each lane, for every run of depths).
// They lie as [run][index].
//
// A page: codes of keys, codes of values, scales of keys, minima of keys (asymmetric), scales and minima of
// values; then zeros up to a multiple of 64 bytes.
#pragma once

#include <cstddef>  // std::byte, size_t
#include <cstdint>  // uint16_t

#include "policy/store_policy.h"  // ScalarSettings

namespace kvcompress {

inline constexpr int kTile = 16;       // lanes and depths of a tile
inline constexpr int kHighBytes = 64;  // of the high bits of two tiles, where codes have 3 bits
inline constexpr int kLineBytes = 64;  // of a cache line
enum class Axis : uint8_t { depth, lane };

struct Plane {
  int bits;           // 2, 3, 4 or 8
  int lanes, depths;  // multiples of 16
  Axis axis;          // of the scales
  int run;            // lanes or depths that share a scale; a multiple of 16
  int runs;           // of each index
  bool symmetric;
};

// A plane in a page.
struct PlaneView {
  const Plane* plane;
  const std::byte* codes;
  const uint16_t* scales;
  const uint16_t* minima;  // nullptr: symmetric
};

// Static, because kernels use them too: each file keeps its own copy, for its own instruction set.
static constexpr int tile_bytes(int bits) {
  return bits == 3 ? 64 : 32 * bits;
}  // without the high bits of 3
static constexpr int tiles(const Plane& p) { return p.lanes / kTile * (p.depths / kTile); }
static constexpr int indices(const Plane& p) { return p.axis == Axis::depth ? p.depths : p.lanes; }
static constexpr size_t scale_count(const Plane& p) { return static_cast<size_t>(p.runs) * indices(p); }
static constexpr size_t code_bytes(const Plane& p) { return static_cast<size_t>(tiles(p)) * 32 * p.bits; }

// The greatest code, and the one in the middle.
static constexpr int greatest_code(int bits) { return (1 << bits) - 1; }
static constexpr int centre_code(int bits) { return 1 << (bits - 1); }

// One code, and its place in `scales`.
int code_at(const Plane& plane, const std::byte* codes, int lane, int depth);
void set_code(const Plane& plane, std::byte* codes, int lane, int depth, int code);  // of a zeroed plane
int scale_index(const Plane& plane, int lane, int depth);
float number_at(const PlaneView& view, int lane, int depth);

struct ScalarLayout {
  Plane keys, values;
  // Offsets in a page, in bytes.
  size_t key_codes, value_codes, key_scales, key_minima, value_scales, value_minima, bytes;
};

// Throws UsageError for settings that do not fit head_dim.
ScalarLayout scalar_layout(const ScalarSettings& settings, int head_dim);

PlaneView keys_of(const ScalarLayout& layout, const std::byte* page);
PlaneView values_of(const ScalarLayout& layout, const std::byte* page);

}  // namespace kvcompress
