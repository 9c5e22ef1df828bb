// Codes to numbers, and the rotation, compiled once for each instruction set. The same bits on all of them:
// scale times code is exact in float32, and so is a product with a sign, so that it does not matter whether
// they are fused with the addition that follows.
#include "codec/scalar/codes.h"
#include "codec/scalar/isa_functions.h"

namespace kvcompress::KVC_ISA {
namespace {

// Scales and bases of a tile: number = scale * code + base.
struct TileScales {
  alignas(64) float scale[kTile], base[kTile];

  template <int kBits>
  KVC_INLINE_MEMBER void read(const PlaneView& view, int at) {
    const Scales s = scales_at<kBits>(view, at);
    store(scale, s.scale);
    store(base, s.base);
  }
};

template <int kBits>
void unpack_plane(const PlaneView& view, float* x) {
  const Plane& plane = *view.plane;
  const Tiles places(view);
  TileScales s;
  int tile = 0;
  for (int lane = 0; lane < plane.lanes; lane += kTile) {
    for (int depth = 0; depth < plane.depths; depth += kTile, ++tile) {
      const Codes<kBits> codes(places, tile);
      const bool by_depth = plane.axis == Axis::depth;
      s.read<kBits>(
          view, by_depth ? lane / plane.run * plane.depths + depth : depth / plane.run * plane.lanes + lane);
      for (int d = 0; d < kTile; ++d) {
        const F32x16 scale = by_depth ? broadcast(s.scale[d]) : load(s.scale);
        const F32x16 base = by_depth ? broadcast(s.base[d]) : load(s.base);
        const F32x16 code = byte_to_float(codes.quad(d / 4), d % 4);
        store(x + (depth + d) * plane.lanes + lane, fma(scale, code, base));
      }
    }
  }
}

// The rows of x, `half` rows apart, become their sums and differences; two levels at a time where there are
// two, which halves the traffic.
KVC_INLINE void butterflies(float* x, int size, int lanes, int half) {
  for (int first = 0; first < size; first += 2 * half) {
    for (int row = first; row < first + half; ++row) {
      float *a = x + row * lanes, *b = a + half * lanes;
      for (int lane = 0; lane < lanes; lane += kTile) {
        const F32x16 p = load(a + lane), q = load(b + lane);
        store(a + lane, add(p, q));
        store(b + lane, sub(p, q));
      }
    }
  }
}

KVC_INLINE void double_butterflies(float* x, int size, int lanes, int half) {
  for (int first = 0; first < size; first += 4 * half) {
    for (int row = first; row < first + half; ++row) {
      float *a = x + row * lanes, *b = a + half * lanes, *c = b + half * lanes, *d = c + half * lanes;
      for (int lane = 0; lane < lanes; lane += kTile) {
        const F32x16 p = load(a + lane), q = load(b + lane), r = load(c + lane), s = load(d + lane);
        const F32x16 pq = add(p, q), p_q = sub(p, q), rs = add(r, s), r_s = sub(r, s);
        store(a + lane, add(pq, rs));
        store(b + lane, add(p_q, r_s));
        store(c + lane, sub(pq, rs));
        store(d + lane, sub(p_q, r_s));
      }
    }
  }
}

KVC_INLINE void scale_row(float* row, int lanes, float factor) {
  for (int lane = 0; lane < lanes; lane += kTile) {
    store(row + lane, mul(load(row + lane), broadcast(factor)));
  }
}

}  // namespace

void scalar_unpack(const PlaneView& view, float* x) {
  switch (view.plane->bits) {
    case 2:
      return unpack_plane<2>(view, x);
    case 3:
      return unpack_plane<3>(view, x);
    case 4:
      return unpack_plane<4>(view, x);
    default:
      return unpack_plane<8>(view, x);
  }
}

void scalar_rotate(float* x, int channels, int lanes, const float* signs, bool back) {
  for (int first = 0; first < channels;) {
    int size = 1;
    while (size * 2 <= channels - first) size *= 2;
    float* block = x + first * lanes;
    if (!back) {
      for (int c = 0; c < size; ++c) scale_row(block + c * lanes, lanes, signs[first + c]);
    }
    int half = 1;
    for (; half * 4 <= size; half *= 4) double_butterflies(block, size, lanes, half);
    if (half * 2 <= size) butterflies(block, size, lanes, half);
    const float norm = 1 / __builtin_sqrtf(static_cast<float>(size));
    for (int c = 0; c < size; ++c) {
      scale_row(block + c * lanes, lanes, back ? norm * signs[first + c] : norm);
    }
    first += size;
  }
}

}  // namespace kvcompress::KVC_ISA
