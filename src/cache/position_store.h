// The positions of packed pages, outside of them. A page that holds 64 consecutive positions, as most do,
// points into numbers that all pages of all pools share; any other has a block of its own.
#pragma once

#include <array>    // std::array
#include <cstddef>  // size_t
#include <cstdint>  // int32_t, uint32_t
#include <memory>   // std::unique_ptr
#include <mutex>    // std::mutex
#include <vector>   // std::vector

#include "cache/block_store.h"   // BlockStore
#include "cache/cache_memory.h"  // CacheMemory
#include "cache/page_view.h"     // kPageSlots

namespace kvcompress {

// Every member may be called from any thread. What is taken never moves, and counts in the cache's memory;
// both kinds of taking throw CapacityError beyond its limit.
class PositionStore {
 public:
  static constexpr size_t kBlockBytes = sizeof(int32_t) * kPageSlots;

  explicit PositionStore(CacheMemory* memory) : memory_(memory), blocks_(kBlockBytes, memory) {}
  ~PositionStore();

  // first, first + 1, ... [kPageSlots]; first >= 0. Numbers come with the first page that needs them and go
  // with the last.
  const int32_t* take_run(int32_t first);
  void give_back_run(int32_t first);

  uint32_t take_block();
  int32_t* block(uint32_t block) const { return reinterpret_cast<int32_t*>(blocks_.address(block)); }
  void give_back_block(uint32_t block);

 private:
  static constexpr int32_t kChunk = 1024;  // runs that begin in one chunk
  struct Chunk {
    size_t users = 0;
    std::array<int32_t, kChunk + kPageSlots> numbers;
  };

  CacheMemory* const memory_;
  std::mutex mutex_;
  BlockStore blocks_;
  std::vector<std::unique_ptr<Chunk>> chunks_;  // numbers from kChunk * index on
};

}  // namespace kvcompress
