// Packed pages for kernels that read f16: one page at a time, in scratch memory that holds no more than one.
#pragma once

#include <cstddef>  // std::byte, size_t

#include "cache/page_view.h"  // PageView

namespace kvcompress {

enum class PageParts { keys, keys_and_values };

// Of scratch memory, for heads of at most head_dim channels.
size_t unpack_bytes(int head_dim);

// The view of a page in f16 form: `page` itself, or a packed one decoded into `scratch` (unpack_bytes,
// 64-byte aligned) and rounded to f16. Parts that are not asked for stay undefined. Numbers that an encoding
// took beyond f16 become the greatest it has.
PageView unpacked(const PageView& page, int head_dim, PageParts parts, std::byte* scratch);

}  // namespace kvcompress
