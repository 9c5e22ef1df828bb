#include "cache/block_store.h"

#include <algorithm>  // std::max
#include <bit>        // std::bit_width

namespace kvcompress {

BlockStore::BlockStore(size_t block_bytes, CacheMemory* memory)
    : block_bytes_(block_bytes),
      per_slab_(std::max<size_t>(1, kSlabBytes / block_bytes)),
      shift_(static_cast<uint32_t>(std::bit_width(per_slab_ - 1))),
      memory_(memory) {}

BlockStore::~BlockStore() { memory_->unmap(mapped_bytes_); }

uint32_t BlockStore::take_slab() {
  if (!open_.empty()) return *open_.begin();
  const uint32_t slab = unmapped_.empty() ? static_cast<uint32_t>(slabs_.size()) : *unmapped_.begin();
  const size_t bytes = (per_slab_ * block_bytes_ + kSlabBytes - 1) / kSlabBytes * kSlabBytes;
  slabs_.map(slab, bytes, per_slab_);
  mapped_bytes_ += bytes;
  memory_->map(bytes);
  unmapped_.erase(slab);
  open_.insert(slab);
  return slab;
}

uint32_t BlockStore::take() {
  const uint32_t slab = take_slab();
  const uint32_t place = slabs_[slab].take_lowest();
  if (slabs_[slab].free_pages() == 0) open_.erase(slab);
  ++count_;
  return slab << shift_ | place;
}

void BlockStore::give_back(uint32_t block) {
  const uint32_t slab = block >> shift_;
  slabs_[slab].give_back(block & ((uint32_t{1} << shift_) - 1));
  --count_;
  if (slabs_[slab].free_pages() < per_slab_) {
    open_.insert(slab);
    return;
  }
  const size_t bytes = slabs_[slab].mapping().bytes();
  mapped_bytes_ -= bytes;
  memory_->unmap(bytes);
  slabs_.unmap(slab);
  open_.erase(slab);
  unmapped_.insert(slab);
}

}  // namespace kvcompress
