#include "cache/token_batch.h"

#include <algorithm>  // std::copy, std::copy_n

namespace kvcompress {

TokenBatch::TokenBatch(int head_dim_in) : head_dim(head_dim_in) {
  const size_t page = static_cast<size_t>(kPageSlots) * head_dim;
  keys.resize(2 * page);
  values.resize(2 * page);
  page_keys.resize(page);
  page_values.resize(page);
}

size_t TokenBatch::add(int slot) {
  const auto at = static_cast<size_t>(count++);
  const int64_t from = static_cast<int64_t>(slot) * head_dim;
  std::copy_n(page_keys.begin() + from, head_dim, keys.begin() + static_cast<int64_t>(at) * head_dim);
  std::copy_n(page_values.begin() + from, head_dim, values.begin() + static_cast<int64_t>(at) * head_dim);
  return at;
}

void TokenBatch::pad_first_page() {
  for (int row = count; row < kPageSlots; ++row) {
    for (std::vector<float>* rows : {&keys, &values}) {
      std::copy_n(rows->begin() + static_cast<int64_t>(count - 1) * head_dim, head_dim,
                  rows->begin() + static_cast<int64_t>(row) * head_dim);
    }
  }
}

void TokenBatch::remove_first_page() {
  if (count <= kPageSlots) {
    count = 0;
    return;
  }
  const int64_t page = static_cast<int64_t>(kPageSlots) * head_dim;
  for (std::vector<float>* rows : {&keys, &values}) {
    std::copy(rows->begin() + page, rows->begin() + static_cast<int64_t>(count) * head_dim, rows->begin());
  }
  std::copy(positions.begin() + kPageSlots, positions.begin() + count, positions.begin());
  std::copy(bias.begin() + kPageSlots, bias.begin() + count, bias.begin());
  std::copy(scores.begin() + kPageSlots, scores.begin() + count, scores.begin());
  std::copy(pinned.begin() + kPageSlots, pinned.begin() + count, pinned.begin());
  count -= kPageSlots;
}

}  // namespace kvcompress
