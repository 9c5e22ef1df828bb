// The plain twin of the vector kernels, and the choice between them.
#include "codec/scalar/kernels.h"

#include <algorithm>  // std::min, std::max, std::clamp
#include <cmath>      // std::nearbyint, std::floor, std::sqrt
#include <limits>     // std::numeric_limits
#include <vector>     // std::vector

#include "compute/isa_kernels.h"  // KVC_DECLARE_KERNELS, KVC_RETURN_KERNELS

namespace kvcompress {

KVC_DECLARE_KERNELS(ScalarKernels, kScalarKernels)

namespace {

void ranges(const Plane& plane, const float* x, float* least, float* greatest) {
  const size_t count = scale_count(plane);
  std::fill_n(least, count, std::numeric_limits<float>::infinity());
  std::fill_n(greatest, count, -std::numeric_limits<float>::infinity());
  for (int depth = 0; depth < plane.depths; ++depth) {
    for (int lane = 0; lane < plane.lanes; ++lane) {
      const float number = x[depth * plane.lanes + lane];
      const int at = scale_index(plane, lane, depth);
      least[at] = std::min(least[at], number);
      greatest[at] = std::max(greatest[at], number);
    }
  }
}

void pack(const Plane& plane, const float* x, const Quantiser& quantiser, const float* dither,
          std::byte* codes) {
  std::fill_n(codes, code_bytes(plane), std::byte{0});
  const float greatest = static_cast<float>(greatest_code(plane.bits));
  for (int depth = 0; depth < plane.depths; ++depth) {
    for (int lane = 0; lane < plane.lanes; ++lane) {
      const int at = scale_index(plane, lane, depth), i = depth * plane.lanes + lane;
      const float steps = std::clamp((x[i] - quantiser.base[at]) * quantiser.inverse[at], 0.0f, greatest);
      float rounded = std::nearbyint(steps);
      if (dither != nullptr) {
        const float below = std::floor(steps);
        rounded = steps > below + dither[i] ? below + 1 : below;
      }
      set_code(plane, codes, lane, depth, static_cast<int>(rounded));
    }
  }
}

void unpack(const PlaneView& view, float* x) {
  for (int depth = 0; depth < view.plane->depths; ++depth) {
    for (int lane = 0; lane < view.plane->lanes; ++lane) {
      x[depth * view.plane->lanes + lane] = number_at(view, lane, depth);
    }
  }
}

// Fast Walsh-Hadamard transform of `size` rows, a power of two.
void transform(float* x, int size, int lanes) {
  for (int half = 1; half < size; half *= 2) {
    for (int row = 0; row < size; row += (row + 1) % half == 0 ? half + 1 : 1) {
      float *a = x + row * lanes, *b = a + half * lanes;
      for (int lane = 0; lane < lanes; ++lane) {
        const float sum = a[lane] + b[lane], difference = a[lane] - b[lane];
        a[lane] = sum;
        b[lane] = difference;
      }
    }
  }
}

void rotate(float* x, int channels, int lanes, const float* signs, bool back) {
  const auto scale_rows = [&](int first, int count, float norm, bool with_signs) {
    for (int c = first; c < first + count; ++c) {
      const float factor = with_signs ? norm * signs[c] : norm;
      for (int lane = 0; lane < lanes; ++lane) x[c * lanes + lane] *= factor;
    }
  };
  for (int first = 0; first < channels;) {
    int size = 1;
    while (size * 2 <= channels - first) size *= 2;
    const float norm = 1 / std::sqrt(static_cast<float>(size));
    if (!back) scale_rows(first, size, 1, true);
    transform(x + first * lanes, size, lanes);
    scale_rows(first, size, norm, back);
    first += size;
  }
}

void contract(const Contraction& c) {
  for (int row = 0; row < c.rows && !c.add; ++row) {
    std::fill_n(c.out + row * c.out_stride, c.x.plane->lanes, 0.0f);
  }
  for (int depth = 0; depth < c.x.plane->depths; ++depth) {
    for (int lane = 0; lane < c.x.plane->lanes; ++lane) {
      const float number = number_at(c.x, lane, depth);
      for (int row = 0; row < c.rows; ++row) {
        c.out[row * c.out_stride + lane] += c.left[row * c.left_stride + depth] * number;
      }
    }
  }
}

constexpr ScalarKernels kPlain{ranges, pack, unpack, rotate, contract, nullptr, nullptr};

}  // namespace

const ScalarKernels& scalar_kernels(Isa isa) { KVC_RETURN_KERNELS(isa, kScalarKernels, kPlain) }

}  // namespace kvcompress
