// In what form a page holds its tokens: sizes, layout, and how rows are written to and read from it.
// Tokens are written to it as they come; how sealed pages are packed is codec/packed_form.h.
#pragma once

#include <cstddef>  // std::byte, size_t
#include <cstdint>  // int32_t
#include <memory>   // std::unique_ptr
#include <string_view>

#include "compute/isa.h"  // Isa

namespace kvcompress {

// Slots (tokens of one KV head) in every page, whatever its form.
inline constexpr int kPageSlots = 64;
// Slots of one channel-major group of keys inside a page.
inline constexpr int kKeyGroup = 16;

// The number of channels stored for a head: head_dim rounded up to 16, the rest zero.
constexpr int padded_head_dim(int head_dim) { return (head_dim + 15) / 16 * 16; }

class PageForm {
 public:
  virtual ~PageForm() = default;
  virtual std::string_view name() const = 0;
  virtual int head_dim() const = 0;

  // Bytes of keys and values of one page (positions and other per-slot fields come on top, see
  // cache/page_pool.h); a multiple of 64.
  virtual size_t payload_bytes() const = 0;

  // Writes `rows` tokens into slots [slot, slot + rows) of a page. keys and values: [rows][head_dim] float32
  // with the given distances between rows, in floats. Returns -1, or the first row that has a value which
  // this form cannot hold (not finite, or too large); slots [slot, slot + rows) are then to be cleared or
  // written anew.
  [[nodiscard]] virtual int store(std::byte* page, int slot, int rows, const float* keys, int64_t key_stride,
                                  const float* values, int64_t value_stride) const = 0;

  // Makes slots [slot, slot + rows) what they are in a page of zero bytes.
  virtual void clear(std::byte* page, int slot, int rows) const = 0;

  // Reads one slot back: key and value, [head_dim] float32 each; either may be null.
  virtual void load(const std::byte* page, int slot, float* key, float* value) const = 0;

  // Reads a whole page: keys and values, [kPageSlots][head_dim] float32 each; either may be null.
  virtual void load_page(const std::byte* page, float* keys, float* values) const = 0;

  // Copies one slot as it is stored (no re-encoding), also within one page.
  virtual void copy(std::byte* to_page, int to_slot, const std::byte* from_page, int from_slot) const = 0;
};

// f16 keys [4 groups][padded_head_dim][16 slots], then f16 values [64 slots][padded_head_dim]. head_dim >= 1.
// A page's payload must be 64-byte aligned.
std::unique_ptr<PageForm> make_f16_form(int head_dim, Isa isa = active_isa());

}  // namespace kvcompress
