// What pages of a sequence count for.
#pragma once

#include <cstddef>  // size_t

namespace kvcompress {

// Bytes of a page. packed: of the largest of the forms that a recipe packs tokens in, 0 when it packs none.
// maps: at most, of what is fitted to one head and kept beside its pages.
struct PageSizes {
  size_t exact = 0;
  size_t packed = 0;
  size_t maps = 0;
};

}  // namespace kvcompress
