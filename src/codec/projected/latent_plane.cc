#include "codec/projected/latent_plane.h"

#include <algorithm>  // std::clamp, std::fill

#include "codec/f16.h"                    // f16_from_f32, kF16Max
#include "codec/f16_kernels.h"            // f16_kernels
#include "codec/page_form.h"              // kPageSlots
#include "codec/projected/half_matrix.h"  // half_product
#include "codec/scalar/encode.h"          // encode_plane
#include "codec/scalar/kernels.h"         // ScalarKernels

namespace kvcompress {
namespace {

constexpr int kHalf = 16;

size_t up(size_t bytes) { return (bytes + kLineBytes - 1) / kLineBytes * kLineBytes; }

const uint16_t* halves(const std::byte* at) { return reinterpret_cast<const uint16_t*>(at); }

// A scale for each channel of keys, and for each token of values.
Plane plane_of(int bits, int depths, int lanes) {
  return {.bits = bits,
          .lanes = lanes,
          .depths = depths,
          .axis = Axis::depth,
          .run = lanes,
          .runs = 1,
          .symmetric = false};
}

}  // namespace

LatentPlane LatentPlane::keys(int bits, int rank, Isa isa) { return {plane_of(bits, rank, kPageSlots), isa}; }
LatentPlane LatentPlane::values(int bits, int rank, Isa isa) {
  return {plane_of(bits, kPageSlots, rank), isa};
}

LatentPlane::LatentPlane(const Plane& plane, Isa isa) : plane_(plane), isa_(isa) {
  const size_t count = static_cast<size_t>(plane.depths) * plane.lanes;
  if (plane.bits == kHalf) {
    bytes_ = up(sizeof(uint16_t) * count);
    return;
  }
  scales_ = code_bytes(plane);
  minima_ = scales_ + sizeof(uint16_t) * scale_count(plane);
  bytes_ = up(minima_ + sizeof(uint16_t) * scale_count(plane));
}

PlaneView LatentPlane::view(const std::byte* at) const {
  return {&plane_, at, halves(at + scales_), halves(at + minima_)};
}

void LatentPlane::encode(const float* x, std::byte* at) const {
  const int count = plane_.depths * plane_.lanes;
  if (plane_.bits == kHalf) {
    auto* out = reinterpret_cast<uint16_t*>(at);
    if (f16_kernels(isa_).store_row(x, count, out)) return;
    for (int i = 0; i < count; ++i) out[i] = f16_from_f32(std::clamp(x[i], -kF16Max, kF16Max));
    return;
  }
  std::fill(at + bytes_ - kLineBytes, at + bytes_, std::byte{0});
  encode_plane(scalar_kernels(isa_), plane_, x, nullptr, at, reinterpret_cast<uint16_t*>(at + scales_),
               reinterpret_cast<uint16_t*>(at + minima_));
}

void LatentPlane::decode(const std::byte* at, float* x) const {
  if (plane_.bits == kHalf) {
    f16_kernels(isa_).load_row(halves(at), plane_.depths * plane_.lanes, x);
  } else {
    scalar_kernels(isa_).unpack(view(at), x);
  }
}

float LatentPlane::number(const std::byte* at, int depth, int lane) const {
  if (plane_.bits == kHalf) return f32_from_f16(halves(at)[int64_t{depth} * plane_.lanes + lane]);
  return number_at(view(at), lane, depth);
}

void LatentPlane::multiply(const std::byte* at, const float* left, int64_t left_stride, int rows,
                           Precision precision, bool weights, bool add, ptrdiff_t ahead, float* out,
                           int64_t out_stride) const {
  if (plane_.bits == kHalf) {
    half_product(isa_)(
        {halves(at), plane_.depths, plane_.lanes, left, left_stride, rows, out, out_stride, add, ahead});
    return;
  }
  const ScalarKernels& kernels = scalar_kernels(isa_);
  const bool fast = precision == Precision::fast && kernels.contract_fast != nullptr;
  (fast ? kernels.contract_fast : kernels.contract)({.x = view(at),
                                                     .left = left,
                                                     .left_stride = left_stride,
                                                     .rounded = nullptr,
                                                     .rows = rows,
                                                     .out = out,
                                                     .out_stride = out_stride,
                                                     .add = add,
                                                     .weights = weights,
                                                     .ahead = ahead});
}

}  // namespace kvcompress
