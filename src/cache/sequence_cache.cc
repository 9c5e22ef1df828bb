#include "cache/sequence_cache.h"

#include <stdexcept>  // std::logic_error
#include <utility>    // std::move

namespace kvcompress {

SequenceCache::SequenceCache(PagePool* exact, int layers, int kv_heads, std::vector<int32_t> sliding_window)
    : pool_(exact), layers_(layers), kv_heads_(kv_heads), window_(std::move(sliding_window)) {
  if (window_.empty()) window_.resize(static_cast<size_t>(layers), 0);
  if (window_.size() != static_cast<size_t>(layers)) {
    throw std::logic_error("[cache] one sliding window per layer is needed, or none at all");
  }
  const size_t heads = static_cast<size_t>(layers) * kv_heads;
  heads_.reserve(heads);
  for (size_t head = 0; head < heads; ++head) heads_.emplace_back(exact);
}

SequenceCache SequenceCache::fork() const {
  SequenceCache copy(pool_, layers_, 0, window_);
  copy.kv_heads_ = kv_heads_;
  copy.next_position = next_position;
  copy.heads_.reserve(heads_.size());
  for (const HeadSlots& head : heads_) copy.heads_.push_back(head.fork());
  return copy;
}

size_t SequenceCache::bytes() const {
  size_t pages = 0;
  for (const HeadSlots& head : heads_) pages += head.pages_held();
  return pages * pool_->page_bytes();
}

size_t SequenceCache::bytes_full(int head_dim) const {
  constexpr size_t kKeyAndValue = 2, kF16Bytes = 2;
  return kKeyAndValue * kF16Bytes * static_cast<size_t>(head_dim) * static_cast<size_t>(next_position) *
         layers_ * kv_heads_;
}

}  // namespace kvcompress
