// What attention sees of a page: one struct, kept up to date by the cache, valid until the cache next
// changes.
#pragma once

#include <climits>  // INT32_MAX
#include <cstddef>  // std::byte
#include <cstdint>  // int32_t

#include "codec/page_form.h"  // kPageSlots

namespace kvcompress {

class PackedForm;

// The position of a slot that holds no token: after every query, so every causal mask hides it. Holes left by
// eviction and the unused end of a page both look like this.
inline constexpr int32_t kNoToken = INT32_MAX;

struct PageView {
  const std::byte* payload;  // in the layout of `packed`, 64-byte aligned
  const int32_t* positions;  // [kPageSlots] ascending over the live slots; kNoToken where there is no token
  const float* bias;  // [kPageSlots] added to the scaled logits (finite, also in holes), or nullptr for none
  int32_t first_position;  // of the live slots; kNoToken when there is none
  int32_t last_position;   // of the live slots; -1 when there is none
  uint8_t used;  // tokens lie in slots [0, used); every slot's numbers are finite, with a token or not
  uint8_t live;  // slots that hold a token; live == used means no holes
  const PackedForm* packed;  // what reads the payload; nullptr: it is in f16 form
};

}  // namespace kvcompress
