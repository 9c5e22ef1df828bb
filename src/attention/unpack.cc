#include "attention/unpack.h"

#include <algorithm>  // std::fill
#include <cstdint>    // uint16_t

#include "codec/f16_kernels.h"  // F16Kernels
#include "codec/packed_form.h"  // PackedForm
#include "compute/isa.h"        // active_isa

namespace kvcompress {
namespace {

// f16 numbers in the keys, or the values, of a page.
size_t part_halves(int head_dim) { return static_cast<size_t>(kPageSlots) * padded_head_dim(head_dim); }

void saturate(uint16_t* begin, const uint16_t* end) {
  constexpr uint16_t kInfinity = 0x7C00, kGreatest = 0x7BFF, kSign = 0x8000;
  for (uint16_t* half = begin; half != end; ++half) {
    if ((*half & ~kSign) == kInfinity) *half = static_cast<uint16_t>((*half & kSign) | kGreatest);
  }
}

void store_keys(const F16Kernels& kernels, const float* rows, int head_dim, uint16_t* keys) {
  bool fit = true;
  for (int group = 0; group < kPageSlots; group += kKeyGroup) {
    fit &= kernels.store_transposed(rows + static_cast<int64_t>(group) * head_dim, head_dim, head_dim,
                                    keys + static_cast<int64_t>(group) * padded_head_dim(head_dim));
  }
  if (!fit) saturate(keys, keys + part_halves(head_dim));
}

void store_values(const F16Kernels& kernels, const float* rows, int head_dim, uint16_t* values) {
  const int padded = padded_head_dim(head_dim);
  bool fit = true;
  for (int slot = 0; slot < kPageSlots; ++slot) {
    uint16_t* const row = values + static_cast<int64_t>(slot) * padded;
    fit &= kernels.store_row(rows + static_cast<int64_t>(slot) * head_dim, head_dim, row);
    std::fill(row + head_dim, row + padded, uint16_t{0});
  }
  if (!fit) saturate(values, values + part_halves(head_dim));
}

}  // namespace

size_t unpack_bytes(int head_dim) {
  return part_halves(head_dim) * (2 * sizeof(uint16_t) + sizeof(float));  // both parts, and one as floats
}

PageView unpacked(const PageView& page, int head_dim, PageParts parts, std::byte* scratch) {
  if (page.packed == nullptr) return page;
  static const F16Kernels& kernels = f16_kernels(active_isa());
  const size_t halves = part_halves(head_dim);
  auto* const keys = reinterpret_cast<uint16_t*>(scratch);
  auto* const rows = reinterpret_cast<float*>(keys + 2 * halves);
  page.packed->load_page(page.payload, rows, nullptr);
  store_keys(kernels, rows, head_dim, keys);
  if (parts == PageParts::keys_and_values) {
    page.packed->load_page(page.payload, nullptr, rows);
    store_values(kernels, rows, head_dim, keys + halves);
  }
  PageView view = page;
  view.payload = scratch;
  view.packed = nullptr;
  return view;
}

}  // namespace kvcompress
