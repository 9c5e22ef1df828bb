// Equal blocks of memory, cut from slabs and found by number. A slab whose blocks are all free goes back to
// the operating system.
#pragma once

#include <cstddef>  // size_t, std::byte
#include <cstdint>  // uint32_t
#include <set>      // std::set

#include "cache/cache_memory.h"  // CacheMemory
#include "cache/slab.h"          // SlabTable

namespace kvcompress {

// address() may be called while another thread takes or gives back other blocks; everything else needs the
// owner's lock. Taken blocks are the owner's to count, mapped slabs are counted here.
class BlockStore {
 public:
  BlockStore(size_t block_bytes, CacheMemory* memory);
  ~BlockStore();
  BlockStore(const BlockStore&) = delete;
  BlockStore& operator=(const BlockStore&) = delete;

  std::byte* address(uint32_t block) const {
    return slabs_.base(block >> shift_) + (block & ((uint32_t{1} << shift_) - 1)) * block_bytes_;
  }
  // The lowest slab with a free block gives its lowest one: zero bytes, or what was left in it.
  uint32_t take();
  void give_back(uint32_t block);
  bool taken(uint32_t block) const {
    const uint32_t slab = block >> shift_;
    return slab < slabs_.size() && slabs_[slab].mapped() &&
           slabs_[slab].taken(block & ((uint32_t{1} << shift_) - 1));
  }
  size_t count() const { return count_; }  // taken now

 private:
  uint32_t take_slab();  // the lowest that has a free block

  const size_t block_bytes_;
  const size_t per_slab_;
  const uint32_t shift_;  // a block's number is its slab << shift_ | its place there
  CacheMemory* const memory_;
  SlabTable slabs_;
  std::set<uint32_t> open_;      // mapped, with a free block
  std::set<uint32_t> unmapped_;  // below slabs_.size(), given back
  size_t count_ = 0;
  size_t mapped_bytes_ = 0;
};

}  // namespace kvcompress
