#include "cache/sequence_cache.h"

#include <memory>     // std::destroy_at, std::construct_at
#include <stdexcept>  // std::logic_error
#include <utility>    // std::move

#include "base/archive.h"  // Archive

namespace kvcompress {

SequenceCache::SequenceCache(PagePool* exact, const PageForm* form, int layers, int kv_heads,
                             std::vector<int32_t> sliding_window, const std::vector<Packing>& packings)
    : layers_(layers), kv_heads_(kv_heads), window_(std::move(sliding_window)) {
  if (window_.empty()) window_.resize(static_cast<size_t>(layers), 0);
  if (window_.size() != static_cast<size_t>(layers)) {
    throw std::logic_error("[cache] one sliding window per layer is needed, or none at all");
  }
  const size_t heads = static_cast<size_t>(layers) * kv_heads;
  if (!packings.empty() && packings.size() != heads) {
    throw std::logic_error("[cache] one packing per layer and KV head is needed, or none at all");
  }
  heads_.reserve(heads);
  for (size_t head = 0; head < heads; ++head) {
    heads_.emplace_back(exact, form, packings.empty() ? Packing{} : packings[head], head);
  }
}

void SequenceCache::set_packings(const std::vector<Packing>& packings) {
  if (!packings.empty() && packings.size() != heads_.size()) {
    throw std::logic_error("[cache] one packing per layer and KV head is needed, or none at all");
  }
  for (size_t head = 0; head < heads_.size(); ++head) {
    heads_[head].set_packing(packings.empty() ? Packing{} : packings[head]);
  }
}

SequenceCache::SequenceCache(const SequenceCache& other, std::vector<HeadSlots> heads)
    : next_position(other.next_position),
      layers_(other.layers_),
      kv_heads_(other.kv_heads_),
      window_(other.window_),
      heads_(std::move(heads)) {}

void SequenceCache::replace(int layer, int kv_head, HeadSlots head) {
  HeadSlots* const place = &heads_[static_cast<size_t>(layer) * kv_heads_ + kv_head];
  std::destroy_at(place);
  std::construct_at(place, std::move(head));
}

SequenceCache SequenceCache::fork() const {
  std::vector<HeadSlots> heads;
  heads.reserve(heads_.size());
  for (const HeadSlots& head : heads_) heads.push_back(head.fork());
  return SequenceCache(*this, std::move(heads));
}

void SequenceCache::archive(Archive& archive) {
  auto& [next, layers, kv_heads, window, heads] = *this;
  archive.field(next);
  archive.require(next >= 0, "a position of 0 or more");
  archive.same(static_cast<uint64_t>(layers), "layers");
  archive.same(static_cast<uint64_t>(kv_heads), "KV heads");
  for (const int32_t size : window) archive.same(static_cast<uint64_t>(size), "tokens of a sliding window");
  for (HeadSlots& head : heads) head.archive(archive, next);
}

size_t SequenceCache::bytes() const {
  size_t bytes = 0;
  for (const HeadSlots& head : heads_) bytes += head.bytes();
  return bytes;
}

size_t SequenceCache::bytes_full(int head_dim) const {
  constexpr size_t kKeyAndValue = 2, kF16Bytes = 2;
  return kKeyAndValue * kF16Bytes * static_cast<size_t>(head_dim) * static_cast<size_t>(next_position) *
         layers_ * kv_heads_;
}

}  // namespace kvcompress
