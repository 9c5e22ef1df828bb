// Tokens on their way into packed pages: numbers as float32 and all that a slot carries, in order.
#pragma once

#include <array>    // std::array
#include <cstddef>  // size_t
#include <cstdint>  // int32_t, uint8_t
#include <vector>   // std::vector

#include "codec/page_form.h"  // kPageSlots

namespace kvcompress {

// Holds what is left of one page and the whole of the next.
struct TokenBatch {
  static constexpr int kCapacity = 2 * kPageSlots;

  explicit TokenBatch(int head_dim_in);

  // After the last one: token `slot` of page_keys and page_values, whose other fields are the caller's to
  // set. Returns its place.
  size_t add(int slot);
  // Makes the first page full with copies of its last token, which stand for no token, so that they change
  // nothing about the range of its numbers. Needs a token.
  void pad_first_page();
  void remove_first_page();

  int head_dim;
  int count = 0;
  std::vector<float> keys, values;            // [kCapacity][head_dim]
  std::vector<float> page_keys, page_values;  // [kPageSlots][head_dim] of the page being taken from
  std::array<int32_t, kCapacity> positions{};
  std::array<float, kCapacity> bias{}, scores{};
  std::array<uint8_t, kCapacity> pinned{};
};

}  // namespace kvcompress
