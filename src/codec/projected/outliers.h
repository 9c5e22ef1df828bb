// The numbers of a page that its latents miss by most, kept beside them: what is missing, and where.
#pragma once

#include <cstddef>  // std::byte, size_t
#include <cstdint>  // uint16_t

namespace kvcompress {

// Places [count] and f16 numbers [count], padded to 64 bytes. A place is slot * head_dim + channel.
size_t outlier_bytes(int count);

// errors: [kPageSlots][head_dim], kPageSlots * head_dim at most 65536. Keeps the `count` greatest magnitudes,
// of equal ones the first, by ascending place.
void keep_outliers(const float* errors, int numbers, int count, std::byte* at);

// Calls visit(place, number) for each.
template <class Visit>
void for_each_outlier(const std::byte* at, int count, Visit visit);

}  // namespace kvcompress

#include "codec/f16.h"  // f32_from_f16

namespace kvcompress {

template <class Visit>
void for_each_outlier(const std::byte* at, int count, Visit visit) {
  const auto* places = reinterpret_cast<const uint16_t*>(at);
  for (int i = 0; i < count; ++i) visit(int{places[i]}, f32_from_f16(places[count + i]));
}

}  // namespace kvcompress
